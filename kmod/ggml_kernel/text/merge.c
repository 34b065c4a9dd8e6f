// SPDX-License-Identifier: GPL-2.0
#include "text/merge.h"

#define YIELD_MERGES 4096

static bool before(struct candidate a, struct candidate b)
{
	return a.rank != b.rank ? a.rank < b.rank : a.left < b.left;
}

static void push(struct merger *m, struct candidate c)
{
	u32 i = m->n_heap++;

	while (i && before(c, m->heap[(i - 1) / 2])) {
		m->heap[i] = m->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	m->heap[i] = c;
}

static struct candidate pop(struct merger *m)
{
	struct candidate top = m->heap[0];
	struct candidate c = m->heap[--m->n_heap];
	u32 i = 0;

	for (;;) {
		u32 child = 2 * i + 1;

		if (child >= m->n_heap)
			break;
		if (child + 1 < m->n_heap && before(m->heap[child + 1], m->heap[child]))
			child++;
		if (!before(m->heap[child], c))
			break;
		m->heap[i] = m->heap[child];
		i = child;
	}
	m->heap[i] = c;
	return top;
}

static void consider(struct merger *m, u32 left)
{
	const struct symbol *l, *r;
	struct candidate c = { .left = left };
	u32 id;

	if (left == MERGE_NONE || m->symbols[left].next == MERGE_NONE)
		return;
	l = &m->symbols[left];
	r = &m->symbols[l->next];
	if (!m->pair(m, l, r, &c.rank, &id))
		return;
	c.len = l->len + r->len;
	push(m, c);
}

void llama_merge_add(struct merger *m, u32 start, u32 len, u32 id)
{
	u32 i = m->n_symbols++;

	m->symbols[i] = (struct symbol){
		.start = start, .len = len, .id = id,
		.prev = i ? i - 1 : MERGE_NONE, .next = MERGE_NONE,
	};
	if (i)
		m->symbols[i - 1].next = i;
}

/* Merge a candidate unless its symbols have changed. */
static void merge(struct merger *m, struct candidate c)
{
	struct symbol *l = &m->symbols[c.left], *r;
	u32 rank, id;

	if (!l->len || l->next == MERGE_NONE)
		return;
	r = &m->symbols[l->next];
	if (l->len + r->len != c.len || !m->pair(m, l, r, &rank, &id))
		return;
	l->id = id;
	l->len = c.len;
	r->len = 0;
	l->next = r->next;
	if (l->next != MERGE_NONE)
		m->symbols[l->next].prev = c.left;
	consider(m, l->prev);
	consider(m, c.left);
}

int llama_merge_all(struct merger *m, const struct llama_yield *yield)
{
	u32 i = 0, n = 0;
	int err;

	m->n_heap = 0;
	while (i + 1 < m->n_symbols || m->n_heap) {
		if (i + 1 < m->n_symbols)
			consider(m, i++);
		else
			merge(m, pop(m));
		if (++n % YIELD_MERGES == 0) {
			err = llama_yield(yield);
			if (err)
				return err;
		}
	}
	return 0;
}

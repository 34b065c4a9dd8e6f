// SPDX-License-Identifier: GPL-2.0
#include "prefix.h"

int llamux_prefix_init(struct llamux_prefix *p, const struct llama_model *m, u32 n_ctx)
{
	struct llamux_memory tmp;
	long n;
	int err = llamux_memory_alloc(&tmp, 2 * llama_head_scratch(m));

	if (err)
		return err;
	n = llama_generation_head(m, p->ids, min_t(u32, LLAMUX_PREFIX_TOKENS, n_ctx - 1), tmp.data,
				  NULL);
	llamux_memory_free(&tmp);
	mutex_init(&p->lock);
	p->m = m;
	p->n = max(n, 0L);
	p->kv = (struct llama_kv){ llama_kv_chunks(p->n), p->chunks };
	return 0;
}

void llamux_prefix_free(struct llamux_prefix *p)
{
	u32 i;

	for (i = 0; i < LLAMUX_PREFIX_CHUNKS; i++)
		llamux_memory_free(&p->memory[i]);
}

static int provide_chunks(struct llamux_prefix *p)
{
	u32 i;
	int err;

	for (i = 0; i < p->kv.n_chunks; i++) {
		if (p->chunks[i])
			continue;
		err = llamux_memory_alloc_huge(&p->memory[i], llama_kv_chunk_size(p->m));
		if (err)
			return err;
		/* The last one is copied whole, and not all of it will be written. */
		memset(p->memory[i].data, 0, llama_kv_chunk_size(p->m));
		p->chunks[i] = p->memory[i].data;
	}
	return 0;
}

/* Lock held. */
static int evaluate(struct llamux_prefix *p, struct llama_scratch *scratch,
		    const struct llama_yield *yield, u32 *evaluated)
{
	int err = provide_chunks(p);

	while (!err && p->n_done < p->n) {
		u32 n = min(p->n - p->n_done, scratch->n_batch);

		err = llama_forward(p->m, scratch, &p->kv, p->ids + p->n_done, n,
				    p->n_done, NULL, 0, yield);
		if (err)
			return err;
		p->n_done += n;
		*evaluated += n;
	}
	return err;
}

int llamux_prefix_use(struct llamux_prefix *p, struct llama_generation *g,
		      struct llama_kv *kv, const struct llama_yield *yield, u32 *evaluated)
{
	u32 i;
	int err;

	/* Nobody waits for somebody else's priority or limits. */
	if (!p->n || !mutex_trylock(&p->lock))
		return 0;
	err = evaluate(p, &g->scratch, yield, evaluated);
	mutex_unlock(&p->lock);
	if (err)
		return err;
	for (i = 0; i < p->kv.n_chunks; i++)
		memcpy(kv->chunks[i], p->chunks[i], llama_kv_chunk_size(p->m));
	llama_generation_adopt(g, p->ids, p->n);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/* Attention of a layer: docs/numerics.md, section 5. */
#include "model/attend.h"

void llama_attend_angles(const struct pass *p)
{
	u32 half = p->m->n_rot / 2;
	u32 t, i;

	for (t = 0; t < p->n_tokens; t++)
		for (i = 0; i < half; i++)
			llama_sincos((u64)(p->pos + t) * p->m->freq[i], &p->s->sin[t * half + i],
				     &p->s->cos[t * half + i]);
}

static struct attention_head cached(const struct pass *p, u32 chunk, u32 layer, u32 head)
{
	return llama_kv_head(p->kv, p->m, chunk, layer, head);
}

/* Write a rotated head of token @t to the worker's tmp.wide. Return: its exponent. */
static int rotate(const struct pass *p, const q32 *head, u32 t, struct llama_worker *w)
{
	const struct llama_model *m = p->m;
	size_t at = (size_t)t * m->n_rot / 2;

	return p->path->vector->rotate(head, m->n_head_dim, m->n_rot, p->s->sin + at, p->s->cos + at,
				       &w->tmp);
}

/* Attention of a layer. */
struct attention {
	const struct pass *p;
	u32 layer;
	u32 n_queries;	/* queries of a round */
	u32 n_groups;	/* rounds for one key-value head */
};

/* Store key and value of token @t and head @h in the cache. */
static void store_head(const struct attention *a, u32 t, u32 h, struct llama_worker *w)
{
	const struct pass *p = a->p;
	const struct vector_ops *v = p->path->vector;
	u32 dim = p->m->n_head_dim, pos = p->pos + t, slot = pos % LLAMA_KV_CHUNK;
	struct attention_head to = cached(p, pos / LLAMA_KV_CHUNK, a->layer, h);
	size_t from = ((size_t)t * p->m->n_head_kv + h) * dim;
	s16 *key = w->query_hi, *value = w->query_lo;
	int e = rotate(p, p->s->k + from, t, w);

	to.e_k[slot] = v->quantize1(w->tmp.wide, dim, e, key);
	to.e_v[slot] = v->quantize1(p->s->v + from, dim, -32, value);
	llama_attention_store(&to, slot, dim, key, value);
}

/* Store the tokens of a group of positions, which lie side by side, for a head. */
static void store_group(void *arg, u32 i, u32 worker)
{
	const struct attention *a = arg;
	const struct pass *p = a->p;
	u32 group = p->pos / ATTENTION_LANES + i / p->m->n_head_kv;
	u32 end = min((group + 1) * ATTENTION_LANES, p->pos + p->n_tokens);
	u32 pos;

	llama_path_begin(p->path);
	for (pos = max(group * ATTENTION_LANES, p->pos); pos < end; pos++)
		store_head(a, pos - p->pos, i % p->m->n_head_kv, &p->s->workers[worker]);
	llama_path_end(p->path);
}

int llama_attend_store(const struct pass *p, u32 layer)
{
	const struct attention a = { .p = p, .layer = layer };
	u32 groups = divide_up(p->pos + p->n_tokens, ATTENTION_LANES) - p->pos / ATTENTION_LANES;

	return run_small(p, store_group, &a, groups * p->m->n_head_kv);
}

/* A query. */
struct query {
	q32 *head;	/* in s->q; its output takes its place */
	u32 n;		/* number of positions that it attends to */
	int e;
	struct vector_top top;
	u64 sum;	/* sum of softmax numerators */
};

/* Queries that are computed together, chunk by chunk of the cache. */
struct walk {
	const struct pass *p;
	struct llama_worker *w;
	u32 layer;
	u32 kv_head;
	u32 n_queries;
	u32 n;			/* largest number of positions of a query */
	u32 stride;		/* elements from the scores of a query to those of the next */
	u32 chunk;		/* bytes of a chunk's keys, or of its values */
	u32 held;		/* bytes processed since the vector registers were claimed */
	struct query q[LLAMA_MAX_QUERIES];
};

/* Scale a query by the softmax's scale and base, and split it into two planes. */
static void make_query(struct walk *a, u32 i, u32 t)
{
	const struct vector_ops *v = a->p->path->vector;
	struct llama_worker *w = a->w;
	u32 dim = a->p->m->n_head_dim;
	s64 c = ((u64)LOG2E_Q30 << 26) / llama_isqrt((u64)dim << 52);
	struct query *q = &a->q[i];
	int e = rotate(a->p, q->head, t, w);
	u32 j;

	for (j = 0; j < dim; j++)
		w->tmp.wide[j] *= c;
	q->e = v->quantize1(w->tmp.wide, dim, e - 30, w->query);
	q->top = (struct vector_top){ -S32_MAX, S16_MIN };
	v->split(w->query, dim, w->query_hi + i * dim, w->query_lo + i * dim);
}

/* Return the number of positions in chunk @c for a query with @n positions. */
static u32 in_chunk(u32 n, u32 c)
{
	return n > c * LLAMA_KV_CHUNK ? min(n - c * LLAMA_KV_CHUNK, (u32)LLAMA_KV_CHUNK) : 0;
}

/* Begin with the keys or values of a chunk; asserts that the work is bounded. */
static void hold(struct walk *a)
{
	a->held += a->chunk;
	llama_assert(!a->p->path->simd || a->held <= SLICE_BYTES);
}

/* End a chunk: pause if another one would exceed the bound. */
static void breathe(struct walk *a)
{
	if (a->held + a->chunk <= SLICE_BYTES)
		return;
	llama_path_pause(a->p->path);
	a->held = 0;
}

/* Prefetch the exponents of a chunk. */
static void fetch_exponents(const struct attention_head *h)
{
	u32 at;

	for (at = 0; at < 2 * LLAMA_KV_CHUNK; at += 64 / sizeof(*h->e_k))
		__builtin_prefetch(h->e_k + at);
}

static void score_positions(struct walk *a)
{
	const struct llama_path *path = a->p->path;
	struct llama_worker *w = a->w;
	struct attention_head first = cached(a->p, 0, a->layer, a->kv_head), next = first;
	u32 chunks = llama_kv_chunks(a->n);
	u32 c, i;

	fetch_exponents(&first);
	for (c = 0; c < chunks; c++) {
		struct attention_head h = next;
		struct attention_scores s = {
			.k = h.k,
			.next = first.v,
			.dim = a->p->m->n_head_dim,
			.hi = w->query_hi,
			.lo = w->query_lo,
			.n_rows = a->n_queries,
			.n = in_chunk(a->n, c),
			.dot = w->dot,
		};

		if (c + 1 < chunks) {
			next = cached(a->p, c + 1, a->layer, a->kv_head);
			fetch_exponents(&next);
			s.next = next.k;
		}
		hold(a);
		path->scores(&s);
		for (i = 0; i < a->n_queries; i++)
			path->vector->score(w->dot + i * LLAMA_KV_CHUNK, h.e_k, h.e_v, a->q[i].e,
					    in_chunk(a->q[i].n, c),
					    w->score + (size_t)i * a->stride + c * LLAMA_KV_CHUNK,
					    &a->q[i].top);
		breathe(a);
	}
}

/* Prefetch part @i of @n of a chunk's keys or values into the second-level cache. */
static void fetch(const s16 *data, u32 dim, u32 i, u32 n)
{
	u32 lines = LLAMA_KV_CHUNK * dim * sizeof(s16) / 64;
	u32 line;

	for (line = i * lines / n; line < (i + 1) * lines / n; line++)
		__builtin_prefetch((const u8 *)data + 64 * line, 0, 2);
}

/*
 * Compute softmax numerators scaled by the values' exponents, quantized, as two planes. Each
 * query prefetches a part of the values.
 */
static void weigh_positions(struct walk *a, u32 i)
{
	const struct vector_ops *v = a->p->path->vector;
	struct llama_worker *w = a->w;
	struct query *q = &a->q[i];
	size_t row = (size_t)i * a->stride;
	u32 end = bfp_padded(a->n);
	u32 c;

	q->sum = 0;
	for (c = 0; c < llama_kv_chunks(q->n); c++) {
		struct attention_head h = cached(a->p, c, a->layer, a->kv_head);
		u32 at = c * LLAMA_KV_CHUNK;

		hold(a);
		q->sum += v->weigh(w->score + row + at, h.e_v, in_chunk(q->n, c), &q->top,
				   w->weight + at);
		fetch(h.v, a->p->m->n_head_dim, i, a->n_queries);
		breathe(a);
	}
	q->e = v->quantize_into(w->weight, q->n, q->top.e_v - 60, w->weight_q,
				w->weight_h + row / BFP_BLOCK);
	memset(w->weight_q + q->n, 0, (end - q->n) * sizeof(*w->weight_q));
	memset(w->weight_h + row / BFP_BLOCK + bfp_blocks(q->n), 0,
	       bfp_blocks(a->n) - bfp_blocks(q->n));
	v->split(w->weight_q, end, w->weight_hi + row, w->weight_lo + row);
}

static void add_values(struct walk *a)
{
	struct llama_worker *w = a->w;
	u32 dim = a->p->m->n_head_dim;
	u32 chunks = llama_kv_chunks(a->n);
	bool more = n_workers(a->p) == 1 && a->kv_head + 1 < a->p->m->n_head_kv;
	u32 c;

	memset(w->sum, 0, a->n_queries * dim * sizeof(*w->sum));
	for (c = 0; c < chunks; c++) {
		u32 at = c * LLAMA_KV_CHUNK;
		const struct attention_values s = {
			.v = cached(a->p, c, a->layer, a->kv_head).v,
			.next = cached(a->p, min(c + 1, chunks - 1), a->layer, a->kv_head).v,
			.dim = dim,
			.hi = w->weight_hi + at,
			.lo = w->weight_lo + at,
			.h = w->weight_h + at / BFP_BLOCK,
			.n_rows = a->n_queries,
			.n_blocks = bfp_blocks(in_chunk(a->n, c)),
			.stride = a->stride,
			.sum = w->sum,
		};

		hold(a);
		a->p->path->values(&s);
		/* Without a team, the keys of the next head follow. */
		if (more)
			fetch(cached(a->p, c, a->layer, a->kv_head + 1).k, dim, 0, 1);
		breathe(a);
	}
}

static void put_output(const struct walk *a, u32 i)
{
	const struct vector_ops *v = a->p->path->vector;
	const struct query *q = &a->q[i];
	u32 dim = a->p->m->n_head_dim;
	int shift = v->normalize(a->w->sum + i * dim, dim, a->w->tmp.a);
	int z = 64 - bit_length(q->sum);

	v->output(a->w->tmp.a, dim, (1ULL << 61) / ((q->sum << z) >> 32), shift + q->e + z - 63,
		  q->head);
}

/* Execute a round: queries of a key-value head, token by token and head by head. */
static void attend_group(void *arg, u32 i, u32 worker)
{
	const struct attention *o = arg;
	const struct pass *p = o->p;
	const struct llama_model *m = p->m;
	u32 dim = m->n_head_dim, heads = m->n_head / m->n_head_kv;
	u32 first = i % o->n_groups * o->n_queries;
	struct walk a = {
		.p = p,
		.w = &p->s->workers[worker],
		.layer = o->layer,
		.kv_head = i / o->n_groups,
		.n_queries = min(o->n_queries, p->n_tokens * heads - first),
		.stride = llama_kv_chunks(p->s->n_ctx) * LLAMA_KV_CHUNK,
		.chunk = LLAMA_KV_CHUNK * dim * sizeof(s16),
	};
	u32 j;

	llama_path_begin(p->path);
	for (j = 0; j < a.n_queries; j++) {
		u32 t = (first + j) / heads, head = a.kv_head * heads + (first + j) % heads;

		a.q[j].head = p->s->q + ((size_t)t * m->n_head + head) * dim;
		a.q[j].n = a.n = p->pos + t + 1;
		make_query(&a, j, t);
	}
	score_positions(&a);
	for (j = 0; j < a.n_queries; j++)
		weigh_positions(&a, j);
	add_values(&a);
	for (j = 0; j < a.n_queries; j++)
		put_output(&a, j);
	llama_path_end(p->path);
}

int llama_attend(const struct pass *p, u32 layer)
{
	u32 n_head_kv = p->m->n_head_kv;
	u32 queries = p->n_tokens * (p->m->n_head / n_head_kv);
	struct attention a = { .p = p, .layer = layer };

	/* With fewer key-value heads than workers, rounds are smaller, so that each gets one. */
	a.n_queries = min_t(u32, divide_up(queries, divide_up(n_workers(p), n_head_kv)),
			    LLAMA_MAX_QUERIES);
	a.n_groups = divide_up(queries, a.n_queries);
	return run(p, attend_group, &a, n_head_kv * a.n_groups);
}

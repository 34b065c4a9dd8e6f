// SPDX-License-Identifier: GPL-2.0
/* The forward pass: docs/numerics.md, section 5. */
#include "llama.h"
#include "tile.h"
#include "generated/constants.h"

#define SLICE_MACS (1u << 20)	/* multiplications between two yield points */

/* One call of llama_forward(). */
struct pass {
	const struct llama_model *m;
	struct llama_scratch *s;
	struct llama_kv *kv;
	const struct llama_yield *yield;
	u32 n_tokens;
	u32 pos;
};

/* A chunk's positions of one layer and key-value head. */
struct kv_head {
	s16 *k;		/* (LLAMA_KV_CHUNK, n_head_dim) */
	s16 *v;		/* (LLAMA_KV_CHUNK, n_head_dim) */
	s16 *e_k;	/* (LLAMA_KV_CHUNK) exponents */
	s16 *e_v;	/* (LLAMA_KV_CHUNK) */
};

static size_t kv_head_size(const struct llama_model *m)
{
	return LLAMA_KV_CHUNK * (2 * m->n_head_dim + 2) * sizeof(s16);
}

size_t llama_kv_chunk_size(const struct llama_model *m)
{
	return (size_t)m->n_layer * m->n_head_kv * kv_head_size(m);
}

static struct kv_head kv_head(const struct pass *p, u32 chunk, u32 layer, u32 head)
{
	const struct llama_model *m = p->m;
	size_t n = LLAMA_KV_CHUNK * m->n_head_dim;
	u8 *base = p->kv->chunks[chunk];
	s16 *k = (s16 *)(base + ((size_t)layer * m->n_head_kv + head) * kv_head_size(m));

	return (struct kv_head){
		.k = k,
		.v = k + n,
		.e_k = k + 2 * n,
		.e_v = k + 2 * n + LLAMA_KV_CHUNK,
	};
}

static void lay_out(struct llama_scratch *s, const struct llama_model *m,
		    struct llama_arena *arena)
{
	u32 n = s->n_batch;
	u32 n_q = m->n_head * m->n_head_dim;
	u32 n_kv = m->n_head_kv * m->n_head_dim;
	u32 widest = max(max(m->n_embd, m->n_ff), n_q);

	s->x = llama_arena_alloc(arena, (size_t)n * m->n_embd, sizeof(*s->x));
	bfp_alloc(&s->in, arena, n, widest);
	s->y = llama_arena_alloc(arena, (size_t)n * m->n_embd, sizeof(*s->y));
	s->q = llama_arena_alloc(arena, (size_t)n * n_q, sizeof(*s->q));
	s->k = llama_arena_alloc(arena, (size_t)n * n_kv, sizeof(*s->k));
	s->v = llama_arena_alloc(arena, (size_t)n * n_kv, sizeof(*s->v));
	s->gate = llama_arena_alloc(arena, (size_t)n * m->n_ff, sizeof(*s->gate));
	s->up = llama_arena_alloc(arena, (size_t)n * m->n_ff, sizeof(*s->up));
	s->wide = llama_arena_alloc(arena, widest, sizeof(*s->wide));
	s->a = llama_arena_alloc(arena, widest, sizeof(*s->a));
	s->b = llama_arena_alloc(arena, widest, sizeof(*s->b));
	s->query = llama_arena_alloc(arena, m->n_head_dim, sizeof(*s->query));
	s->sin = llama_arena_alloc(arena, (size_t)n * m->n_rot / 2, sizeof(*s->sin));
	s->cos = llama_arena_alloc(arena, (size_t)n * m->n_rot / 2, sizeof(*s->cos));
	s->score = llama_arena_alloc(arena, s->n_ctx, sizeof(*s->score));
	s->weight = llama_arena_alloc(arena, s->n_ctx, sizeof(*s->weight));
	s->weight_q = llama_arena_alloc(arena, s->n_ctx, sizeof(*s->weight_q));
	s->weight_h = llama_arena_alloc(arena, bfp_blocks(s->n_ctx), sizeof(*s->weight_h));
	weights_row_alloc(&s->row, arena, n, widest);
}

size_t llama_scratch_size(const struct llama_model *m, u32 n_ctx, u32 n_batch)
{
	struct llama_scratch s = { .n_ctx = n_ctx, .n_batch = n_batch };
	struct llama_arena arena = { 0 };

	lay_out(&s, m, &arena);
	return arena.used;
}

int llama_scratch_init(struct llama_scratch *s, const struct llama_model *m, u32 n_ctx,
		       u32 n_batch, struct llama_arena *arena)
{
	if (!n_ctx || n_ctx > m->n_ctx_train || !n_batch || n_batch > LLAMA_MAX_BATCH)
		return -EINVAL;
	if (!arena->base || arena->used > arena->size ||
	    arena->size - arena->used < llama_scratch_size(m, n_ctx, n_batch))
		return -ENOMEM;
	s->n_ctx = n_ctx;
	s->n_batch = n_batch;
	lay_out(s, m, arena);
	return 0;
}

static q32 add_q32(q32 a, q32 b)
{
	return clamp_t(s64, a + b, -Q32_LIMIT, Q32_LIMIT);
}

static u32 whole_tiles(u32 rows)
{
	return (rows + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
}

/* y (n_tokens, w->n_out) = w times the batch in s->in. */
static int multiply(const struct pass *p, const struct weights *w, q32 *y)
{
	u32 slice = whole_tiles(max(SLICE_MACS / (w->n_in * p->n_tokens), 1u));
	u32 row;
	int err;

	for (row = 0; row < w->n_out; row += slice) {
		weights_mul(w, row, min(slice, w->n_out - row), &p->s->in, p->n_tokens,
			    &p->s->row, y + row, w->n_out);
		err = llama_yield(p->yield);
		if (err)
			return err;
	}
	return 0;
}

static int add_product(const struct pass *p, const struct weights *w)
{
	struct llama_scratch *s = p->s;
	size_t i;
	int err = multiply(p, w, s->y);

	for (i = 0; !err && i < (size_t)p->n_tokens * w->n_out; i++)
		s->x[i] = add_q32(s->x[i], s->y[i]);
	return err;
}

/* Token @t of the stream, normalized and quantized into vector @to of s->in. */
static void rmsnorm(const struct pass *p, const struct llama_norm *norm, u32 t, u32 to)
{
	const struct llama_model *m = p->m;
	struct llama_scratch *s = p->s;
	int shift = bfp_normalize(s->x + (size_t)t * m->n_embd, m->n_embd, s->a);
	int e = m->eps.e + 50 - 2 * shift;
	u64 v = 0;
	s64 inv;
	int j;
	u32 i;

	for (i = 0; i < m->n_embd; i++) {
		s64 b = shift_round(s->a[i], 7);

		v += b * b;
	}
	v /= m->n_embd;
	if (e >= 0)
		v += (u64)m->eps.m << e;
	else if (e > -64)
		v += (u64)m->eps.m >> -e;
	v = max_t(u64, v, 1);
	j = (64 - bit_length(v)) / 2;
	inv = (1LL << 61) / isqrt(v << (2 * j));
	for (i = 0; i < m->n_embd; i++)
		s->wide[i] = shift_round(s->a[i] * inv, 30) * norm->w[i];
	bfp_quantize(&s->in, to, s->wide, j - 38 + norm->e);
}

static void rmsnorm_batch(const struct pass *p, const struct llama_norm *norm)
{
	u32 t;

	bfp_resize(&p->s->in, p->m->n_embd);
	for (t = 0; t < p->n_tokens; t++)
		rmsnorm(p, norm, t, t);
}

static void quantize_batch(const struct pass *p, const q32 *v, u32 n)
{
	u32 t;

	bfp_resize(&p->s->in, n);
	for (t = 0; t < p->n_tokens; t++)
		bfp_quantize(&p->s->in, t, v + (size_t)t * n, -32);
}

static void rope_tables(const struct pass *p)
{
	u32 half = p->m->n_rot / 2;
	u32 t, i;

	for (t = 0; t < p->n_tokens; t++)
		for (i = 0; i < half; i++)
			sincos_turn((u64)(p->pos + t) * p->m->freq[i], &p->s->sin[t * half + i],
				    &p->s->cos[t * half + i]);
}

/* A head of token @t, turned, into s->wide. Return: its exponent. */
static int rotate(const struct pass *p, const q32 *head, u32 t)
{
	const struct llama_model *m = p->m;
	struct llama_scratch *s = p->s;
	const q30 *sin = s->sin + (size_t)t * m->n_rot / 2;
	const q30 *cos = s->cos + (size_t)t * m->n_rot / 2;
	int shift = bfp_normalize(head, m->n_head_dim, s->a);
	u32 i;

	for (i = 0; i < m->n_rot / 2; i++) {
		s64 a = s->a[2 * i], b = s->a[2 * i + 1];

		s->wide[2 * i] = shift_round(a * cos[i] - b * sin[i], 30);
		s->wide[2 * i + 1] = shift_round(a * sin[i] + b * cos[i], 30);
	}
	for (i = m->n_rot; i < m->n_head_dim; i++)
		s->wide[i] = s->a[i];
	return shift - 32;
}

/* Keys and values of the batch into the cache. */
static void store_kv(const struct pass *p, u32 layer)
{
	const struct llama_model *m = p->m;
	struct llama_scratch *s = p->s;
	u32 dim = m->n_head_dim;
	u32 t, h;

	for (t = 0; t < p->n_tokens; t++) {
		u32 slot = (p->pos + t) % LLAMA_KV_CHUNK;

		for (h = 0; h < m->n_head_kv; h++) {
			struct kv_head kv = kv_head(p, (p->pos + t) / LLAMA_KV_CHUNK, layer, h);
			size_t from = ((size_t)t * m->n_head_kv + h) * dim;
			int e = rotate(p, s->k + from, t);

			kv.e_k[slot] = bfp_quantize1(s->wide, dim, e, kv.k + slot * dim);
			kv.e_v[slot] = bfp_quantize1(s->v + from, dim, -32, kv.v + slot * dim);
		}
	}
}

/* The head's query with the softmax's scale and base in it. Return: its exponent. */
static int make_query(const struct pass *p, const q32 *head, u32 t)
{
	struct llama_scratch *s = p->s;
	u32 dim = p->m->n_head_dim;
	s64 c = ((u64)LOG2E_Q30 << 26) / isqrt((u64)dim << 52);
	int e = rotate(p, head, t);
	u32 i;

	for (i = 0; i < dim; i++)
		s->wide[i] *= c;
	return bfp_quantize1(s->wide, dim, e - 30, s->query);
}

static q20 to_q20(s64 v, int e)
{
	e += 20;
	if (e > 0 && v && bit_length(v < 0 ? -v : v) + e > 31)
		return v < 0 ? -S32_MAX : S32_MAX;
	return clamp_t(s64, shift_round(v, -e), -S32_MAX, S32_MAX);
}

static q20 score(const s16 *q, const s16 *k, u32 dim, int e)
{
	s64 dot = 0;
	u32 i;

	for (i = 0; i < dim; i++)
		dot += (s32)q[i] * k[i];
	return dot ? to_q20(dot, e) : 0;
}

/* Scores of positions [0, @n). Return: 0 or the hook's value; *@max and *@e_v are maxima. */
static int score_positions(const struct pass *p, u32 layer, u32 head, int e_q, u32 n, q20 *top,
			   int *e_v)
{
	struct llama_scratch *s = p->s;
	u32 dim = p->m->n_head_dim;
	u32 t;
	int err;

	*top = -S32_MAX;
	*e_v = INT_MIN;
	for (t = 0; t < n; t++) {
		u32 slot = t % LLAMA_KV_CHUNK;
		struct kv_head kv = kv_head(p, t / LLAMA_KV_CHUNK, layer, head);

		s->score[t] = score(s->query, kv.k + slot * dim, dim, e_q + kv.e_k[slot]);
		*top = max(*top, s->score[t]);
		*e_v = max_t(int, *e_v, kv.e_v[slot]);
		if (t % 1024 == 1023) {
			err = llama_yield(p->yield);
			if (err)
				return err;
		}
	}
	return 0;
}

/* Softmax numerators over values' exponents, quantized. Return: exponent; *@sum of numerators. */
static int weigh_positions(const struct pass *p, u32 layer, u32 head, u32 n, q20 top, int e_v,
			   u64 *sum)
{
	struct llama_scratch *s = p->s;
	u32 t;

	*sum = 0;
	for (t = 0; t < n; t++) {
		struct kv_head kv = kv_head(p, t / LLAMA_KV_CHUNK, layer, head);
		s64 prob = exp2_neg((s64)top - s->score[t]);
		int shift = e_v - kv.e_v[t % LLAMA_KV_CHUNK];

		*sum += prob;
		s->weight[t] = shift > 62 ? 0 : (prob << 30) >> shift;
	}
	return bfp_quantize_into(s->weight, n, e_v - 60, s->weight_q, s->weight_h);
}

static int add_values(const struct pass *p, u32 layer, u32 head, u32 n)
{
	struct llama_scratch *s = p->s;
	u32 dim = p->m->n_head_dim;
	u32 t, i;
	int err;

	memset(s->wide, 0, dim * sizeof(*s->wide));
	for (t = 0; t < n; t++) {
		struct kv_head kv = kv_head(p, t / LLAMA_KV_CHUNK, layer, head);
		const s16 *v = kv.v + t % LLAMA_KV_CHUNK * dim;
		s32 w = s->weight_q[t] * (1 << s->weight_h[t / BFP_BLOCK]);

		for (i = 0; w && i < dim; i++)
			s->wide[i] += (s64)w * v[i];
		if (t % 1024 == 1023) {
			err = llama_yield(p->yield);
			if (err)
				return err;
		}
	}
	return 0;
}

/* Query head @h of token @t: its output takes the query's place in s->q. */
static int attend(const struct pass *p, u32 layer, u32 t, u32 h)
{
	const struct llama_model *m = p->m;
	struct llama_scratch *s = p->s;
	u32 kv_head = h / (m->n_head / m->n_head_kv);
	u32 n = p->pos + t + 1;
	q32 *head = s->q + ((size_t)t * m->n_head + h) * m->n_head_dim;
	int e_q = make_query(p, head, t);
	int err, e_v, e, shift, z;
	s64 inv;
	u64 sum;
	q20 top;
	u32 i;

	err = score_positions(p, layer, kv_head, e_q, n, &top, &e_v);
	if (err)
		return err;
	e = weigh_positions(p, layer, kv_head, n, top, e_v, &sum);
	err = add_values(p, layer, kv_head, n);
	if (err)
		return err;
	shift = bfp_normalize(s->wide, m->n_head_dim, s->a);
	z = 64 - bit_length(sum);
	inv = (1ULL << 61) / ((sum << z) >> 32);
	for (i = 0; i < m->n_head_dim; i++)
		head[i] = scale_to_q32(s->a[i] * inv, shift + e + z - 63);
	return 0;
}

static int attention(const struct pass *p, const struct llama_layer *l, u32 layer)
{
	const struct llama_model *m = p->m;
	struct llama_scratch *s = p->s;
	u32 t, h;
	int err;

	rmsnorm_batch(p, &l->attn_norm);
	err = multiply(p, &l->wq, s->q);
	if (!err)
		err = multiply(p, &l->wk, s->k);
	if (!err)
		err = multiply(p, &l->wv, s->v);
	if (err)
		return err;
	store_kv(p, layer);
	for (t = 0; t < p->n_tokens; t++)
		for (h = 0; h < m->n_head; h++) {
			err = attend(p, layer, t, h);
			if (!err)
				err = llama_yield(p->yield);
			if (err)
				return err;
		}
	quantize_batch(p, s->q, m->n_head * m->n_head_dim);
	return add_product(p, &l->wo);
}

/* Token @t of gate and up, into vector @t of s->in. */
static void swiglu(const struct pass *p, u32 t)
{
	struct llama_scratch *s = p->s;
	u32 n = p->m->n_ff;
	const q32 *gate = s->gate + (size_t)t * n;
	int s_gate = bfp_normalize(gate, n, s->a);
	int s_up = bfp_normalize(s->up + (size_t)t * n, n, s->b);
	u32 i;

	for (i = 0; i < n; i++) {
		u64 a = min_t(u64, gate[i] < 0 ? -gate[i] : gate[i], 1ULL << 37);
		s64 e = exp2_neg(((a >> 6) * LOG2E_Q30) >> 36);
		s64 r = sigmoid_from_exp(e);

		if (gate[i] < 0)
			r = (e * r) >> 30;
		s->wide[i] = shift_round(s->a[i] * r, 30) * s->b[i];
	}
	bfp_quantize(&s->in, t, s->wide, s_gate + s_up - 64);
}

static int feed_forward(const struct pass *p, const struct llama_layer *l)
{
	struct llama_scratch *s = p->s;
	u32 t;
	int err;

	rmsnorm_batch(p, &l->ffn_norm);
	err = multiply(p, &l->gate, s->gate);
	if (!err)
		err = multiply(p, &l->up, s->up);
	if (err)
		return err;
	bfp_resize(&s->in, p->m->n_ff);
	for (t = 0; t < p->n_tokens; t++)
		swiglu(p, t);
	return add_product(p, &l->down);
}

/* logits (n, n_vocab) of the last @n tokens, in strips as wide as s->y has room for. */
static int output(const struct pass *p, q16 *logits, u32 n)
{
	const struct llama_model *m = p->m;
	struct llama_scratch *s = p->s;
	u32 widest = m->n_embd < TILE_ROWS ? m->n_embd : m->n_embd / TILE_ROWS * TILE_ROWS;
	u32 strip = min(widest, whole_tiles(max(SLICE_MACS / (m->n_embd * n), 1u)));
	u32 row, i, t;
	int err;

	bfp_resize(&s->in, m->n_embd);
	for (t = 0; t < n; t++)
		rmsnorm(p, &m->output_norm, p->n_tokens - n + t, t);
	for (row = 0; row < m->n_vocab; row += strip) {
		u32 rows = min(strip, m->n_vocab - row);

		weights_mul(&m->output, row, rows, &s->in, n, &s->row, s->y, strip);
		for (t = 0; t < n; t++)
			for (i = 0; i < rows; i++)
				logits[(size_t)t * m->n_vocab + row + i] =
					clamp_t(s64, shift_round(s->y[t * strip + i], 16), S32_MIN,
						S32_MAX);
		err = llama_yield(p->yield);
		if (err)
			return err;
	}
	return 0;
}

static int check_pass(const struct pass *p, const u32 *tokens, u32 n_logits)
{
	u32 end = p->pos + p->n_tokens;
	u32 i;

	if (!p->n_tokens || p->n_tokens > p->s->n_batch || n_logits > p->n_tokens ||
	    p->pos > p->s->n_ctx || end > p->s->n_ctx || llama_kv_chunks(end) > p->kv->n_chunks)
		return -EINVAL;
	for (i = 0; i < llama_kv_chunks(end); i++)
		if (!p->kv->chunks[i])
			return -EINVAL;
	for (i = 0; i < p->n_tokens; i++)
		if (tokens[i] >= p->m->n_vocab)
			return -EINVAL;
	return 0;
}

int llama_forward(const struct llama_model *m, struct llama_scratch *s, struct llama_kv *kv,
		  const u32 *tokens, u32 n_tokens, u32 pos, q16 *logits, u32 n_logits,
		  const struct llama_yield *yield)
{
	const struct pass p = {
		.m = m, .s = s, .kv = kv, .yield = yield, .n_tokens = n_tokens, .pos = pos,
	};
	int err = check_pass(&p, tokens, n_logits);
	u32 i;

	if (err)
		return err;
	for (i = 0; i < n_tokens; i++)
		weights_embed(&m->token_embd, tokens[i], &s->row, s->x + (size_t)i * m->n_embd);
	rope_tables(&p);
	for (i = 0; i < m->n_layer; i++) {
		err = attention(&p, &m->layers[i], i);
		if (!err)
			err = feed_forward(&p, &m->layers[i]);
		if (err)
			return err;
	}
	return n_logits ? output(&p, logits, n_logits) : 0;
}

const char *llama_isa(void)
{
	return tile_isa() ? tile_isa()->name : "generic";
}

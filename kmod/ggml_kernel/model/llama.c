// SPDX-License-Identifier: GPL-2.0
/* The forward pass: docs/numerics.md, section 5. */
#include "model/attend.h"

#define SLICE_MACS (4u << 20)		/* multiplications between two yield points */
#define SLICE_LEAST (16u << 10)		/* bytes of weights from which another worker pays */

/* A product of a matrix with the batch in s->in. */
struct product {
	const struct pass *p;
	const struct weights *w;
	q32 *y;		/* (n_tokens, w->n_out) */
	q32 *x;		/* (n_tokens, w->n_out) stream to which the product is added, or NULL */
	u32 n_slices;	/* rounds */
};

/* Return the number of rounds of a product: work is bounded, and equal for all workers. */
static u32 count_slices(const struct pass *p, const struct weights *w)
{
	u32 tiles = divide_up(w->n_out, TILE_ROWS);
	u64 bytes = (u64)w->row_bytes * TILE_ROWS;
	u64 macs = (u64)w->n_in * TILE_ROWS * p->n_tokens;
	u32 most = clamp_t(u64, min(SLICE_BYTES / bytes, SLICE_MACS / macs), 1, tiles);
	u32 workers = n_workers(p);
	u32 n = divide_up(tiles, most);

	if (workers > 1)
		n = max_t(u32, n, min_t(u64, 4 * workers, tiles * bytes / SLICE_LEAST));
	return min(divide_up(n, workers) * workers, tiles);
}

struct slice {
	u32 row;
	u32 rows;
};

/* Return slice @i of @n: whole tiles. The first slices take the remainder. */
static struct slice slice(const struct weights *w, u32 n, u32 i)
{
	u32 tiles = divide_up(w->n_out, TILE_ROWS);
	u32 first = tiles / n * i + min(i, tiles % n);
	u32 end = min((first + tiles / n + (i < tiles % n)) * TILE_ROWS, w->n_out);

	return (struct slice){ .row = first * TILE_ROWS, .rows = end - first * TILE_ROWS };
}

static struct product product(const struct pass *p, const struct weights *w, q32 *y)
{
	return (struct product){ p, w, y, NULL, count_slices(p, w) };
}

/* Begin to compute @rows of a matrix; asserts bounded work. llama_path_end() must follow. */
static const struct llama_path *section(const struct pass *p, const struct weights *w, u32 rows)
{
	const struct llama_path *path = llama_weights_tiled(w) ? p->path : &llama_path_generic;

	llama_assert(!path->simd || (u64)rows * w->row_bytes <= SLICE_BYTES);
	llama_path_begin(path);
	return path;
}

/* Execute a round: slice @i of up to three products in succession. */
static void multiply_slice(void *arg, u32 i, u32 worker)
{
	const struct product *o = arg;
	const struct pass *p = o->p;
	struct llama_scratch *s = p->s;
	const struct llama_path *path;
	struct slice part;
	u32 t;

	while (i >= o->n_slices)
		i -= o++->n_slices;
	part = slice(o->w, o->n_slices, i);
	path = section(p, o->w, part.rows);
	llama_weights_mul(o->w, part.row, part.rows, &s->in, p->n_tokens, &s->workers[worker].row,
			  o->y + part.row, o->w->n_out);
	for (t = 0; o->x && t < p->n_tokens; t++)
		path->vector->add(o->x + (size_t)t * o->w->n_out + part.row,
				  o->y + (size_t)t * o->w->n_out + part.row, part.rows);
	llama_path_end(path);
}

static int multiply(const struct pass *p, const struct product *products, u32 n)
{
	u32 slices = 0;
	u32 i;

	for (i = 0; i < n; i++)
		slices += products[i].n_slices;
	return run(p, multiply_slice, products, slices);
}

/* Compute a product and add it to the stream. */
static int add_product(const struct pass *p, const struct weights *w)
{
	struct product o = product(p, w, p->s->y);

	o.x = p->s->x;
	return multiply(p, &o, 1);
}

struct norm {
	const struct pass *p;
	const struct llama_norm *norm;
};

static void rmsnorm(void *arg, u32 t, u32 worker)
{
	const struct norm *n = arg;
	const struct pass *p = n->p;
	struct llama_scratch *s = p->s;

	llama_path_begin(p->path);
	p->path->vector->rmsnorm(&s->in, t, s->x + (size_t)t * p->m->n_embd, n->norm->w,
				 n->norm->e, p->m->eps, &s->workers[worker].tmp);
	llama_path_end(p->path);
}

static int normalize_batch(const struct pass *p, const struct llama_norm *norm)
{
	const struct norm n = { .p = p, .norm = norm };

	llama_bfp_resize(&p->s->in, p->m->n_embd);
	return each_token(p, rmsnorm, &n);
}

/* Quantize the outputs of the heads of token @t. */
static void quantize_heads(void *arg, u32 t, u32 worker)
{
	const struct pass *p = arg;
	struct llama_scratch *s = p->s;

	(void)worker;
	llama_path_begin(p->path);
	p->path->vector->quantize(&s->in, t, s->q + (size_t)t * s->in.n, -32);
	llama_path_end(p->path);
}

/* Store keys and values of the batch in the cache; with @q, compute queries to s->q too. */
static int project(const struct pass *p, const struct llama_layer *l, u32 layer, bool q)
{
	struct llama_scratch *s = p->s;
	const struct product kvq[] = {
		product(p, &l->wk, s->k), product(p, &l->wv, s->v), product(p, &l->wq, s->q),
	};
	int err = normalize_batch(p, &l->attn_norm);

	if (!err)
		err = multiply(p, kvq, q ? 3 : 2);
	return err ? err : llama_attend_store(p, layer);
}

static int project_queries(const struct pass *p, const struct llama_layer *l)
{
	const struct product q = product(p, &l->wq, p->s->q);
	int err = normalize_batch(p, &l->attn_norm);

	return err ? err : multiply(p, &q, 1);
}

/* Compute attention from the queries in s->q and add it to the stream. */
static int attention(const struct pass *p, const struct llama_layer *l, u32 layer)
{
	int err = llama_attend(p, layer);

	if (err)
		return err;
	llama_bfp_resize(&p->s->in, p->m->n_head * p->m->n_head_dim);
	err = each_token(p, quantize_heads, p);
	return err ? err : add_product(p, &l->wo);
}

static void swiglu(void *arg, u32 t, u32 worker)
{
	const struct pass *p = arg;
	struct llama_scratch *s = p->s;
	size_t at = (size_t)t * p->m->n_ff;

	llama_path_begin(p->path);
	p->path->vector->swiglu(&s->in, t, s->gate + at, s->up + at, &s->workers[worker].tmp);
	llama_path_end(p->path);
}

static int feed_forward(const struct pass *p, const struct llama_layer *l)
{
	struct llama_scratch *s = p->s;
	const struct product products[] = {
		product(p, &l->gate, s->gate), product(p, &l->up, s->up),
	};
	int err;

	err = normalize_batch(p, &l->ffn_norm);
	if (!err)
		err = multiply(p, products, ARRAY_SIZE(products));
	if (err)
		return err;
	llama_bfp_resize(&s->in, p->m->n_ff);
	err = each_token(p, swiglu, p);
	return err ? err : add_product(p, &l->down);
}

struct output {
	const struct pass *p;
	q16 *logits;	/* (n_tokens, n_vocab) */
	u32 n_slices;
};

static void output_slice(void *arg, u32 i, u32 worker)
{
	const struct output *o = arg;
	const struct pass *p = o->p;
	const struct llama_model *m = p->m;
	struct llama_worker *w = &p->s->workers[worker];
	struct slice part = slice(&m->output, o->n_slices, i);
	u32 end = part.row + part.rows;
	const struct llama_path *path = section(p, &m->output, part.rows);
	u32 row, t;

	for (row = part.row; row < end; row += TILE_ROWS) {
		u32 rows = min(end - row, (u32)TILE_ROWS);

		llama_weights_mul(&m->output, row, rows, &p->s->in, p->n_tokens, &w->row, w->y,
				  TILE_ROWS);
		for (t = 0; t < p->n_tokens; t++)
			path->vector->to_q16(w->y + t * TILE_ROWS, rows,
					     o->logits + (size_t)t * m->n_vocab + row);
	}
	llama_path_end(path);
}

/* Compute logits (n, n_vocab) of the remaining tokens. */
static int output(const struct pass *p, q16 *logits)
{
	const struct llama_model *m = p->m;
	const struct output o = {
		.p = p, .logits = logits, .n_slices = count_slices(p, &m->output),
	};
	int err = normalize_batch(p, &m->output_norm);

	return err ? err : run(p, output_slice, &o, o.n_slices);
}

/* Reduce the batch to its last @n tokens. */
static void keep_last(struct pass *p, u32 n)
{
	struct llama_scratch *s = p->s;
	u32 first = p->n_tokens - n, half = p->m->n_rot / 2;

	memmove(s->x, s->x + (size_t)first * p->m->n_embd, (size_t)n * p->m->n_embd * sizeof(*s->x));
	memmove(s->sin, s->sin + (size_t)first * half, (size_t)n * half * sizeof(*s->sin));
	memmove(s->cos, s->cos + (size_t)first * half, (size_t)n * half * sizeof(*s->cos));
	p->n_tokens = n;
	p->pos += first;
}

static int check_pass(const struct pass *p, const u32 *tokens, u32 n_logits)
{
	u32 end = p->pos + p->n_tokens;
	u32 i;

	if (!p->n_tokens || p->n_tokens > p->s->n_batch || n_logits > p->n_tokens ||
	    (p->s->team && p->s->team->n_workers > p->s->n_workers) ||
	    p->pos > p->s->n_ctx || end > p->s->n_ctx || !llama_kv_holds(p->kv, end))
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
	struct pass p = {
		.m = m,
		.s = s,
		.kv = kv,
		.yield = yield,
		.path = llama_path_current(),
		.n_tokens = n_tokens,
		.pos = pos,
	};
	int err = check_pass(&p, tokens, n_logits);
	u32 i;

	if (err)
		return err;
	for (i = 0; i < n_tokens; i++)
		llama_weights_embed(&m->token_embd, tokens[i], &s->workers[0].row,
				    s->x + (size_t)i * m->n_embd);
	llama_attend_angles(&p);
	for (i = 0; i < m->n_layer; i++) {
		const struct llama_layer *l = &m->layers[i];
		bool all = i + 1 < m->n_layer || n_logits == n_tokens;

		err = project(&p, l, i, all);
		if (!err && !all) {
			/* Only keys and values of the other tokens are needed. */
			if (!n_logits)
				return 0;
			keep_last(&p, n_logits);
			err = project_queries(&p, l);
		}
		if (!err)
			err = attention(&p, l, i);
		if (!err)
			err = feed_forward(&p, l);
		if (err)
			return err;
	}
	return output(&p, logits);
}

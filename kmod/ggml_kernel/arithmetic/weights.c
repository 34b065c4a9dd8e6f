// SPDX-License-Identifier: GPL-2.0
/*
 * Products with weight matrices: docs/numerics.md, section 3. The products row
 * by row define the results; those tile by tile must equal them.
 */
#include "arithmetic/block_type.h"
#include "arithmetic/path.h"
#include "arithmetic/weights_row.h"

/* @n is a constant wherever this is inlined, so that compilers unroll it. */
static inline s32 dot(const s16 *c, const s16 *q, u32 n)
{
	s32 sum = 0;
	u32 i;

	for (i = 0; i < n; i++)
		sum += (s32)c[i] * q[i];
	return sum;
}

static inline s64 dot_wide(const s16 *c, const s16 *q)
{
	s64 sum = 0;
	u32 i;

	for (i = 0; i < BFP_BLOCK; i++)
		sum += (s32)c[i] * q[i];
	return sum;
}

/* A vector of a batch. */
struct vector {
	const s16 *q;
	const s32 *sum;
	const u8 *h;
	s32 e;
};

static struct vector vector(const struct bfp *x, u32 token)
{
	size_t block = (size_t)token * x->n_blocks;

	return (struct vector){
		.q = x->q + block * BFP_BLOCK,
		.sum = x->sum + block * 2,
		.h = x->h + block,
		.e = x->e[token],
	};
}

/* Sums of a row with a vector, without exponents: A and Z of docs/numerics.md, section 3. */
struct sums {
	s64 a;
	s64 z;
};

static struct sums mul_blocks(const struct weights *w, const struct weights_row *r,
			      struct vector x, u32 n_blocks)
{
	struct sums s = { 0 };
	u32 b;

	for (b = 0; b < n_blocks; b++)
		s.a += (s64)dot(r->c + b * BFP_BLOCK, x.q + b * BFP_BLOCK, BFP_BLOCK) *
		       (r->d[b] * (1 << x.h[b]));
	for (b = 0; w->e_n && b < n_blocks; b++)
		s.z += (s64)(x.sum[2 * b] + x.sum[2 * b + 1]) * (r->n[b] * (1 << x.h[b]));
	return s;
}

/* Return the sum over a 256-block of its sub-blocks' scaled products. */
static inline s64 dot_k(const s16 *c, const s16 *a, const s16 *q, const u8 *h, u32 sub)
{
	s64 sum = 0;
	u32 j;

	for (j = 0; j < K_BLOCK / sub; j++)
		sum += (s64)dot(c + j * sub, q + j * sub, sub) * (a[j] * (1 << h[j * sub / 32]));
	return sum;
}

static inline s64 minima_k(const s16 *b, const s32 *sum, const u8 *h, u32 sub)
{
	s64 total = 0;
	u32 j;

	for (j = 0; j < K_BLOCK / sub; j++) {
		s64 s = sub == 16 ? sum[j] : sum[2 * j] + sum[2 * j + 1];

		total += s * (b[j] * (1 << h[j * sub / 32]));
	}
	return total;
}

static struct sums mul_k(const struct weights *w, const struct llama_block_type *l,
			 const struct weights_row *r, struct vector x)
{
	struct sums s = { 0 };
	u32 subs = K_BLOCK / l->sub;
	u32 k;

	for (k = 0; k < w->n_in / K_BLOCK; k++) {
		const s16 *c = r->c + k * K_BLOCK, *q = x.q + k * K_BLOCK;
		const s16 *a = r->a + k * subs, *b = r->b + k * subs;
		const u8 *h = x.h + k * (K_BLOCK / BFP_BLOCK);
		const s32 *half = x.sum + k * (K_BLOCK / 16);

		if (l->sub == 16)
			s.a += shift_round(dot_k(c, a, q, h, 16), l->r) * r->d[k];
		else
			s.a += shift_round(dot_k(c, a, q, h, 32), l->r) * r->d[k];
		if (l->n != LLAMA_NO_FIELD)
			s.z += shift_round(minima_k(b, half, h, l->sub), l->t) * r->n[k];
	}
	return s;
}

static struct sums mul_float(const struct weights_row *r, struct vector x, u32 n_blocks)
{
	struct sums s = { 0 };
	u32 b;

	for (b = 0; b < n_blocks; b++)
		s.a += dot_wide(r->c + b * BFP_BLOCK, x.q + b * BFP_BLOCK) *
		       (1 << (r->g[b] + x.h[b]));
	return s;
}

/* Return the value of sums, with the exponents of row @row and of a vector. */
static q32 finish(const struct weights *w, const struct llama_block_type *l, u32 row, struct sums s,
		  int e)
{
	q32 y;

	if (!l)
		return scale_to_q32(s.a, w->e_d[row] + e);
	y = scale_to_q32(s.a, w->e_d[row] + e + l->r);
	if (!w->e_n)
		return y;
	if (l->sub)
		return clamp_q32(y - scale_to_q32(s.z, w->e_n[row] + e + l->t));
	return clamp_q32(y + scale_to_q32(s.z, w->e_n[row] + e));
}

static void mul_row(const struct weights *w, const struct llama_block_type *l, u32 row,
		    const struct bfp *x, u32 n_tokens, struct weights_row *tmp, q32 *y,
		    size_t stride)
{
	struct sums s;
	u32 t;

	llama_weights_row_unpack(w, row, tmp);
	for (t = 0; t < n_tokens; t++) {
		if (!l)
			s = mul_float(tmp, vector(x, t), x->n_blocks);
		else if (l->sub)
			s = mul_k(w, l, tmp, vector(x, t));
		else
			s = mul_blocks(w, tmp, vector(x, t), x->n_blocks);
		y[t * stride] = finish(w, l, row, s, x->e[t]);
	}
}

static void mul_tile(const struct weights *w, const struct llama_block_type *l, u32 tile,
		     const struct bfp *x, u32 n_tokens, struct weights_row *tmp, q32 *y,
		     size_t stride)
{
	const struct llama_path *path = llama_path_current();
	const struct vector_sums s = {
		.a = tmp->sums.a,
		.z = w->e_n ? tmp->sums.z : NULL,
		.e_a = w->e_d + tile * TILE_ROWS,
		.e_z = w->e_n ? w->e_n + tile * TILE_ROWS : NULL,
		.r = l ? l->r : 0,
		.t = l ? l->t : 0,
		.minus = l && l->sub,
	};

	path->mul(w, tile, x, n_tokens, tmp->sums, tmp->unpacked);
	path->vector->finish(&s, n_tokens, x->e, y, stride);
}

bool llama_weights_tiled(const struct weights *w)
{
	const struct llama_path *path = llama_path_current();

	return path->mul && (llama_block_type(w->type) || path->floats) &&
	       (u64)w->row_bytes * TILE_ROWS <= TILE_MAX_BYTES;
}

void llama_weights_mul(const struct weights *w, u32 row0, u32 n_rows, const struct bfp *x,
		       u32 n_tokens, struct weights_row *tmp, q32 *y, size_t stride)
{
	const struct llama_block_type *l = llama_block_type(w->type);
	bool tiled = llama_weights_tiled(w);
	u32 row = row0, end = row0 + n_rows;

	while (row < end) {
		u32 tile = row / TILE_ROWS;

		if (tiled && row % TILE_ROWS == 0 && tile < w->n_tiles && end - row >= TILE_ROWS) {
			mul_tile(w, l, tile, x, n_tokens, tmp, y + (row - row0), stride);
			row += TILE_ROWS;
		} else {
			mul_row(w, l, row, x, n_tokens, tmp, y + (row - row0), stride);
			row++;
		}
	}
}

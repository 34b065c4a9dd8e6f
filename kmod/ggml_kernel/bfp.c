// SPDX-License-Identifier: GPL-2.0
/* Block floating point: docs/numerics.md, section 2. */
#include "bfp.h"

#define CODE_BITS 15
#define CODE_MAX 32767

void bfp_alloc(struct bfp *x, struct llama_arena *arena, u32 n_tokens, u32 n)
{
	u32 n_blocks = bfp_blocks(n);

	x->n = n;
	x->n_blocks = n_blocks;
	x->q = llama_arena_alloc(arena, (size_t)n_tokens * n_blocks, BFP_BLOCK * sizeof(*x->q));
	x->pair = llama_arena_alloc(arena, (size_t)n_tokens * n_blocks,
				    BFP_BLOCK / 2 * sizeof(*x->pair));
	x->sum = llama_arena_alloc(arena, (size_t)n_tokens * n_blocks, 2 * sizeof(*x->sum));
	x->h = llama_arena_alloc(arena, (size_t)n_tokens * n_blocks, sizeof(*x->h));
	x->e = llama_arena_alloc(arena, n_tokens, sizeof(*x->e));
}

void bfp_resize(struct bfp *x, u32 n)
{
	x->n = n;
	x->n_blocks = bfp_blocks(n);
}

u64 max_magnitude(const s64 *v, u32 n)
{
	s64 lo = 0, hi = 0;
	u32 i;

	for (i = 0; i < n; i++) {
		lo = min(lo, v[i]);
		hi = max(hi, v[i]);
	}
	return max((u64)hi, -(u64)lo);
}

static s16 code(s64 v, int s)
{
	return clamp_t(s64, shift_round(v, s), -CODE_MAX, CODE_MAX);
}

int bfp_quantize_into(const s64 *v, u32 n, int e, s16 *q, u8 *h)
{
	int shift = max(bit_length(max_magnitude(v, n)) - CODE_BITS, 0);
	int lowest = max(shift - BFP_MAX_SHIFT, 0);
	u32 i, start;

	for (start = 0; start < n; start += BFP_BLOCK) {
		u32 len = min(n - start, (u32)BFP_BLOCK);
		int s = bit_length(max_magnitude(v + start, len)) - CODE_BITS;

		s = clamp_t(int, s, lowest, shift);
		for (i = start; i < start + len; i++)
			q[i] = code(v[i], s);
		h[start / BFP_BLOCK] = s - shift + BFP_MAX_SHIFT;
	}
	return e + shift - BFP_MAX_SHIFT;
}

void bfp_quantize(struct bfp *x, u32 token, const s64 *v, int e)
{
	size_t block = (size_t)token * x->n_blocks;
	s16 *q = x->q + block * BFP_BLOCK;
	u32 *pair = x->pair + block * (BFP_BLOCK / 2);
	s32 *sum = x->sum + block * 2;
	u32 i, j;

	x->e[token] = bfp_quantize_into(v, x->n, e, q, x->h + block);
	for (i = x->n; i < x->n_blocks * BFP_BLOCK; i++)
		q[i] = 0;
	for (i = 0; i < x->n_blocks * 2; i++) {
		s32 total = 0;

		for (j = 0; j < BFP_BLOCK / 2; j++)
			total += q[i * (BFP_BLOCK / 2) + j];
		sum[i] = total;
	}
	for (i = 0; i < x->n_blocks * BFP_BLOCK; i += 4) {
		*pair++ = (u16)q[i] | (u32)(u16)q[i + 2] << 16;
		*pair++ = (u16)q[i + 1] | (u32)(u16)q[i + 3] << 16;
	}
}

int bfp_quantize1(const s64 *v, u32 n, int e, s16 *q)
{
	int s = max(bit_length(max_magnitude(v, n)) - CODE_BITS, 0);
	u32 i;

	for (i = 0; i < n; i++)
		q[i] = code(v[i], s);
	return e + s;
}

int bfp_normalize(const s64 *v, u32 n, s32 *a)
{
	int s = max(bit_length(max_magnitude(v, n)) - 30, 0);
	u32 i;

	for (i = 0; i < n; i++)
		a[i] = shift_round(v[i], s);
	return s;
}

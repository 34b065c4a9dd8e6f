// SPDX-License-Identifier: GPL-2.0
/* Block floating point: docs/numerics.md, section 2. */
#include "arithmetic/vector.h"

void llama_bfp_alloc(struct bfp *x, struct llama_arena *arena, u32 n_tokens, u32 n)
{
	u32 n_blocks = bfp_blocks(n);

	x->n = n;
	x->n_blocks = n_blocks;
	x->q = llama_arena_alloc(arena, (size_t)n_tokens * n_blocks, BFP_BLOCK * sizeof(*x->q));
	x->pair = llama_arena_alloc(arena, (size_t)n_tokens * n_blocks,
				    BFP_BLOCK / 2 * sizeof(*x->pair));
	x->hi = llama_arena_alloc(arena, (size_t)n_tokens * n_blocks, BFP_BLOCK);
	x->lo = llama_arena_alloc(arena, (size_t)n_tokens * n_blocks, BFP_BLOCK);
	x->sum = llama_arena_alloc(arena, (size_t)n_tokens * n_blocks, 2 * sizeof(*x->sum));
	x->total = llama_arena_alloc(arena, (size_t)n_tokens * n_blocks, sizeof(*x->total));
	x->h = llama_arena_alloc(arena, (size_t)n_tokens * n_blocks, sizeof(*x->h));
	x->shift = llama_arena_alloc(arena, (size_t)n_tokens * n_blocks, sizeof(*x->shift));
	x->e = llama_arena_alloc(arena, n_tokens, sizeof(*x->e));
}

void llama_bfp_resize(struct bfp *x, u32 n)
{
	x->n = n;
	x->n_blocks = bfp_blocks(n);
}

int llama_bfp_quantize_into(const s64 *v, u32 n, int e, s16 *q, u8 *h)
{
	return llama_vector_generic.quantize_into(v, n, e, q, h);
}

void llama_bfp_quantize(struct bfp *x, u32 token, const s64 *v, int e)
{
	llama_vector_generic.quantize(x, token, v, e);
}

int llama_bfp_quantize1(const s64 *v, u32 n, int e, s16 *q)
{
	return llama_vector_generic.quantize1(v, n, e, q);
}

int llama_bfp_normalize(const s64 *v, u32 n, s32 *a)
{
	return llama_vector_generic.normalize(v, n, a);
}

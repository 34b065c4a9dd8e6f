/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Block floating point, the format of inputs of matrix products
 *
 * docs/numerics.md, section 2.
 */
#ifndef LLAMA_BFP_H
#define LLAMA_BFP_H

#include "arithmetic/fixed.h"

#define BFP_BLOCK 32
#define BFP_MAX_SHIFT 8

/* Return the number of blocks of a vector of @n elements; the last one may be short. */
static inline u32 bfp_blocks(u32 n)
{
	return (n + BFP_BLOCK - 1) / BFP_BLOCK;
}

/* Return @n rounded up to whole blocks. */
static inline u32 bfp_padded(u32 n)
{
	return bfp_blocks(n) * BFP_BLOCK;
}

/**
 * struct bfp - Quantized vectors, one for each token of a batch.
 * @n:        Elements of a vector.
 * @n_blocks: bfp_blocks(n).
 * @q:        (n_tokens, n_blocks * 32) codes; zero behind element @n.
 * @pair:     (n_tokens, n_blocks * 16) the same codes two by two, the first one in the
 *            lower half: of each four elements, 0 with 2 and 1 with 3 (see tile.h).
 * @hi:       (n_tokens, n_blocks * 32) upper bytes of the codes: q = 256 hi + lo.
 * @lo:       Lower bytes of the codes, unsigned.
 * @sum:      (n_tokens, n_blocks * 2) sums of the codes of each half block.
 * @total:    (n_tokens, n_blocks) sums of the codes of each block, shifted by @h.
 * @h:        (n_tokens, n_blocks) left shifts, 0 to BFP_MAX_SHIFT.
 * @shift:    The same shifts in 32-bit words, for vector loads.
 * @e:        (n_tokens,) exponents.
 */
struct bfp {
	u32 n;
	u32 n_blocks;
	s16 *q;
	u32 *pair;
	u8 *hi;
	u8 *lo;
	s32 *sum;
	s64 *total;
	u8 *h;
	u32 *shift;
	s32 *e;
};

/** llama_bfp_alloc() - Room for @n_tokens vectors of at most @n elements; NULL while measuring. */
void llama_bfp_alloc(struct bfp *x, struct llama_arena *arena, u32 n_tokens, u32 n);

/** llama_bfp_resize() - Use @x, allocated for at least as much, for vectors of @n elements. */
void llama_bfp_resize(struct bfp *x, u32 n);

/**
 * llama_bfp_quantize_into() - Quantize a vector to plain arrays.
 * @v: (n,) |v| below 2^62.
 * @n: Number of elements; the last block may be short.
 * @e: Exponent of @v.
 * @q: (n,) codes out.
 * @h: (bfp_blocks(n),) shifts out.
 *
 * Return: the exponent of the result.
 */
int llama_bfp_quantize_into(const s64 *v, u32 n, int e, s16 *q, u8 *h);

/** llama_bfp_quantize() - Quantize @v (x->n,) with exponent @e to vector @token of @x. */
void llama_bfp_quantize(struct bfp *x, u32 token, const s64 *v, int e);

/** llama_bfp_quantize1() - Quantize with one shift for all elements. Return: the exponent. */
int llama_bfp_quantize1(const s64 *v, u32 n, int e, s16 *q);

/** llama_bfp_normalize() - Shift @v to @a (n,) with |a| up to 2^30. Return: the shift. */
int llama_bfp_normalize(const s64 *v, u32 n, s32 *a);

#endif

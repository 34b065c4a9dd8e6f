/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Operations on vectors, element by element
 *
 * The steps of docs/numerics.md between matrix products. simd/vector_ops.h has
 * their code, which is compiled for each instruction set.
 */
#ifndef LLAMA_VECTOR_H
#define LLAMA_VECTOR_H

#include "arithmetic/bfp.h"

/**
 * struct vector_tmp - Scratch memory for vectors of up to n elements.
 * @wide: (n)
 * @a:    (n)
 * @b:    (n)
 */
struct vector_tmp {
	s64 *wide;
	s32 *a;
	s32 *b;
};

#define VECTOR_ROWS 16	/* of struct vector_sums */

/**
 * struct vector_sums - Sums of 16 rows with vectors, and how they become values.
 * @a: (n_tokens, 16) the sums A of docs/numerics.md, section 3.
 * @z: (n_tokens, 16) the sums Z; NULL where the type has no minima.
 * @e_a: (16,) exponents of A, without @r and the vector's exponent.
 * @e_z: (16,) exponents of Z, without @t and the vector's exponent.
 * @r:   Rounding shift that was applied to A.
 * @t:   Rounding shift that was applied to Z.
 * @minus: Z is subtracted, not added.
 */
struct vector_sums {
	const s64 *a;
	const s64 *z;
	const s16 *e_a;
	const s16 *e_z;
	int r;
	int t;
	bool minus;
};

/**
 * struct vector_top - Maxima over positions.
 * @score: Maximum of scores.
 * @e_v:   Maximum of the values' exponents.
 */
struct vector_top {
	q20 score;
	s16 e_v;
};

/**
 * struct vector_ops - The operations for one instruction set.
 * @quantize: See llama_bfp_quantize().
 * @quantize_into: See llama_bfp_quantize_into().
 * @quantize1: See llama_bfp_quantize1().
 * @normalize: See llama_bfp_normalize().
 * @rmsnorm:  RMSNorm of @v (x->n,) with weights @w, exponent @e_w, into vector @token of @x.
 * @swiglu:   SwiGLU of @gate and @up (x->n,) to vector @token of @x.
 * @rotate:   Write @head (dim,) to tmp->wide, its first @n_rot elements rotated. Return: the
 *   exponent.
 * @finish:   Convert sums to Q32: y[t * @stride + row] with vectors' exponents @e (n_tokens,).
 * @add:      Add @y to @x (n,), clamped.
 * @to_q16:   Convert Q32 to Q16.
 * @score:    Convert products of a query (exponent @e_q) with @n keys to scores; raise @top.
 * @weigh:    Scale softmax numerators by the values' exponents to @w (n,). Return: the sum of
 *   the numerators.
 * @output:   Convert @a (n,) times @inv, exponent @e, to Q32.
 * @most:     Return the largest of @n logits, one or more.
 * @mass:     Return the sum of llama_exp2_neg(@max - logit) over @n logits, Q30.
 * @split:    Split @x (n,) into two planes, x = 256 hi + lo.
 */
struct vector_ops {
	void (*quantize)(struct bfp *x, u32 token, const s64 *v, int e);
	int (*quantize_into)(const s64 *v, u32 n, int e, s16 *q, u8 *h);
	int (*quantize1)(const s64 *v, u32 n, int e, s16 *q);
	int (*normalize)(const s64 *v, u32 n, s32 *a);
	void (*rmsnorm)(struct bfp *x, u32 token, const q32 *v, const s32 *w, int e_w,
			struct float_parts eps, const struct vector_tmp *tmp);
	void (*swiglu)(struct bfp *x, u32 token, const q32 *gate, const q32 *up,
		       const struct vector_tmp *tmp);
	int (*rotate)(const q32 *head, u32 dim, u32 n_rot, const q30 *sin, const q30 *cos,
		      const struct vector_tmp *tmp);
	void (*finish)(const struct vector_sums *s, u32 n_tokens, const s32 *e, q32 *y,
		       size_t stride);
	void (*add)(q32 *x, const q32 *y, u32 n);
	void (*to_q16)(const q32 *y, u32 n, q16 *out);
	void (*score)(const s64 *dot, const s16 *e_k, const s16 *e_v, int e_q, u32 n, q20 *score,
		      struct vector_top *top);
	u64 (*weigh)(const q20 *score, const s16 *e_v, u32 n, const struct vector_top *top, s64 *w);
	void (*output)(const s32 *a, u32 n, s32 inv, int e, q32 *out);
	q16 (*most)(const q16 *logits, u32 n);
	u64 (*mass)(const q16 *logits, u32 n, q16 max);
	void (*split)(const s16 *x, u32 n, s16 *hi, s16 *lo);
};

extern const struct vector_ops llama_vector_generic, llama_vector_neon;
extern const struct vector_ops llama_vector_avx2, llama_vector_avx512;

/** llama_vector_tmp_alloc() - Allocate for @n elements. */
void llama_vector_tmp_alloc(struct vector_tmp *tmp, struct llama_arena *arena, u32 n);

#endif

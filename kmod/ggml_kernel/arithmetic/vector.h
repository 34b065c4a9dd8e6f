/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Everything that works element by element
 *
 * The steps of docs/numerics.md between matrix products. They are written
 * once, in vector_ops.h, and compiled for each instruction set.
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
 * struct vector_sums - Sixteen rows' sums with vectors, on their way to values.
 * @a: (n_tokens, 16) the sums A of docs/numerics.md, section 3.
 * @z: (n_tokens, 16) the sums Z; NULL where the type has no minima.
 * @e_a: (16,) exponents of A, but for @r and the vector's.
 * @e_z: (16,) exponents of Z, but for @t and the vector's.
 * @r:   Rounding shift that A went through.
 * @t:   Likewise Z.
 * @minus: Z is taken off, not added.
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
 * @score: Of scores.
 * @e_v:   Of values' exponents.
 */
struct vector_top {
	q20 score;
	s16 e_v;
};

/**
 * struct vector_ops - The steps, compiled for one instruction set.
 * @quantize: quantize() @v (x->n,) with exponent @e into vector @token of @x.
 * @quantize_into: Into plain arrays: @q (n,), @h (blocks,). Return: the exponent.
 * @quantize1: quantize1(): one shift for all. Return: the exponent.
 * @normalize: normalize(): @a (n,) with |a| up to 2^30. Return: the shift.
 * @rmsnorm:  RMSNorm of @v (x->n,) with weights @w, exponent @e_w, into vector @token of @x.
 * @swiglu:   Of @gate and @up (x->n,) into vector @token of @x.
 * @rotate:   The first @n_rot of the @dim elements of @head, turned, into tmp->wide.
 *   Return: their exponent.
 * @finish:   Sums to Q32: y[t * @stride + row] with vectors' exponents @e (n_tokens,).
 * @add:      @x (n,) plus @y, clamped.
 * @to_q16:   Q32 to Q16.
 * @score:    Products of a query (exponent @e_q) with @n keys to scores; raises @top.
 * @weigh:    Softmax numerators over values' exponents, @w (n,). Return: the numerators' sum.
 * @output:   @a (n,) times @inv, exponent @e, to Q32.
 * @most:     The largest of @n logits, one or more.
 * @mass:     llama_exp2_neg() of how far @n logits lie below @max, summed, Q30.
 * @split:    @x (n,) to two planes, x = 256 hi + lo.
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

/** llama_vector_tmp_alloc() - Room for @n elements. */
void llama_vector_tmp_alloc(struct vector_tmp *tmp, struct llama_arena *arena, u32 n);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Fixed-point arithmetic
 *
 * docs/numerics.md specifies these functions bit for bit. The name of a type
 * gives the number of its bits behind the binary point.
 */
#ifndef LLAMA_FIXED_H
#define LLAMA_FIXED_H

#include "base/port.h"
#include "arithmetic/generated/constants.h"

typedef s32 q16;	/* Q15.16: logits */
typedef s32 q20;	/* Q11.20: attention scores, in powers of two */
typedef s32 q30;	/* Q1.30: sines, probabilities, sigmoids */
typedef s64 q32;	/* Q31.32: the residual stream and its summands */

#define Q30_ONE (1 << 30)
/* Every q32 in the core lies in [-Q32_LIMIT, Q32_LIMIT]. */
#define Q32_LIMIT (1LL << 60)

static __always_inline q32 clamp_q32(s64 v)
{
	return clamp_t(s64, v, -Q32_LIMIT, Q32_LIMIT);
}

/* Return the position of the highest set bit plus one; 0 for 0. */
static inline int bit_length(u64 v)
{
	return v ? 64 - __builtin_clzll(v) : 0;
}

/**
 * shift_round() - Divide by a power of two.
 * @v: |v| below 2^62.
 * @s: Any; not above 0 is a plain left shift that must not overflow.
 *
 * Return: @v / 2^@s to the nearest integer, halves upwards.
 */
static inline s64 shift_round(s64 v, int s)
{
	if (s <= 0)
		return (s64)((u64)v << -s);
	if (s > 62)
		return 0;
	return (v + (1LL << (s - 1))) >> s;
}

/**
 * scale_to_q32() - Convert a number with an exponent to Q31.32.
 * @v: Any s64 with |v| below 2^62.
 * @e: Any exponent.
 *
 * Return: @v * 2^@e as Q31.32, saturated at +-Q32_LIMIT.
 */
static inline q32 scale_to_q32(s64 v, int e)
{
	u64 magnitude = v < 0 ? -(u64)v : (u64)v;

	e += 32;
	if (e > 0 && v && bit_length(magnitude) + e > 60)
		return v < 0 ? -Q32_LIMIT : Q32_LIMIT;
	v = e > 0 ? (v ? shift_round(v, -e) : 0) : shift_round(v, -e);
	return clamp_t(s64, v, -Q32_LIMIT, Q32_LIMIT);
}

extern const u32 llama_exp2_table[64];	/* 2^(-i/64) in Q30 */

/* llama_exp2_neg() for loops: without a branch, 0 from 31 on. */
static __always_inline q30 exp2_neg_wide(u32 x)
{
	u32 n = min(x >> 20, 31u);
	u32 u = ((u64)(x & 16383) * LN2_Q30) >> 20;
	u32 p = Q30_ONE - u + (((u64)u * u) >> 31);

	return ((u64)llama_exp2_table[(x >> 14) & 63] * p) >> (30 + n);
}

/* llama_sigmoid_from_exp() for loops: every factor fits in 32 bits. */
static __always_inline q30 sigmoid_wide(u32 e)
{
	u32 d = Q30_ONE + e;
	u32 r = RECIPROCAL_C0_Q30 - (u32)(((u64)RECIPROCAL_C1_Q30 * d) >> 30);
	int i;

#pragma GCC unroll 3
	for (i = 0; i < 3; i++)
		r = ((u64)r * ((1u << 31) - (u32)(((u64)d * r) >> 30))) >> 30;
	return r;
}

/**
 * llama_exp2_neg() - Compute 2^-@x.
 * @x: Q.20, any.
 *
 * Return: Q30 in [0, 1]; about 3e-7 relative, then truncated by the format.
 */
q30 llama_exp2_neg(u64 x);

/**
 * llama_sigmoid_from_exp() - Compute 1 / (1 + @e), by three Newton steps.
 * @e: Q30 in [0, 1].
 *
 * Return: Q30 in [1/2, 1].
 */
q30 llama_sigmoid_from_exp(q30 e);

/** llama_isqrt() - Return the largest r with r * r <= @v. */
u32 llama_isqrt(u64 v);

/**
 * llama_sincos() - Compute sine and cosine.
 * @phase: Angle; 2^64 is a full circle.
 * @sin:   Sine, Q30.
 * @cos:   Cosine, Q30.
 */
void llama_sincos(u64 phase, q30 *sin, q30 *cos);

/**
 * llama_rope_frequency() - Compute base^(-2i/d) / (2 pi).
 * @base_bits: IEEE-754 single above 1.
 * @i:         Pair, below @d / 2.
 * @d:         rope.dimension_count.
 *
 * Return: angle per position; 2^64 is a full circle.
 */
u64 llama_rope_frequency(u32 base_bits, u32 i, u32 d);

/**
 * llama_angle_div_f32() - Divide an angle by a float.
 * @angle: 2^64 is a full circle.
 * @bits: IEEE-754 single f, positive and finite.
 *
 * Return: floor(@angle / f), saturated at U64_MAX.
 */
u64 llama_angle_div_f32(u64 angle, u32 bits);

/**
 * struct float_parts - A decoded float: m * 2^e, exactly.
 * @m: Signed significand, |m| below 2^24.
 * @e: Exponent.
 */
struct float_parts {
	s32 m;
	s32 e;
};

/* Decode IEEE-754 bits. Return: 0, or -ERANGE for NaN and infinities. */
int llama_f32_parts(u32 bits, struct float_parts *p);
int llama_f16_parts(u16 bits, struct float_parts *p);
int llama_bf16_parts(u16 bits, struct float_parts *p);

#endif

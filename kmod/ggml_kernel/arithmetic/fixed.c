// SPDX-License-Identifier: GPL-2.0
/* Elementary functions: docs/numerics.md, sections 1 and 4. */
#include "arithmetic/fixed.h"
#include "arithmetic/generated/constants.h"
#include "arithmetic/generated/tables.h"

q30 llama_exp2_neg(u64 x)
{
	return exp2_neg_wide(min_t(u64, x, U32_MAX));
}

q30 llama_sigmoid_from_exp(q30 e)
{
	return sigmoid_wide(e);
}

u32 llama_isqrt(u64 v)
{
	u64 r = 0;
	u64 bit = 1ull << 62;

	while (bit) {
		if (v >= r + bit) {
			v -= r + bit;
			r = (r >> 1) + bit;
		} else {
			r >>= 1;
		}
		bit >>= 2;
	}
	return r;
}

void llama_sincos(u64 phase, q30 *sin, q30 *cos)
{
	u32 i = (phase >> 52) & 1023;
	s64 theta = (((phase & ((1ull << 52) - 1)) >> 20) * SINE_STEP_Q40) >> 32;
	s64 w = (theta * theta) >> 51;
	s64 s0 = sine_table[i];
	s64 c0 = sine_table[1024 - i];
	s32 s = s0 - ((s0 * w) >> 30) + ((c0 * theta) >> 40);
	s32 c = c0 - ((c0 * w) >> 30) - ((s0 * theta) >> 40);

	switch (phase >> 62) {
	case 0:
		*sin = s;
		*cos = c;
		break;
	case 1:
		*sin = c;
		*cos = -s;
		break;
	case 2:
		*sin = -s;
		*cos = -c;
		break;
	default:
		*sin = -c;
		*cos = s;
	}
}

static u64 mul_hi(u64 a, u64 b)
{
	return ((__uint128_t)a * b) >> 64;
}

/* log2 of a float above 1, Q56. */
static u64 log2_q56(struct float_parts f)
{
	int len = bit_length(f.m);
	u64 y = (u64)f.m << (64 - len);
	u64 log = len - 1 + f.e;
	int i;

	for (i = 0; i < 56; i++) {
		__uint128_t p = (__uint128_t)y * y;
		u64 bit = (u64)(p >> 127);

		log = log << 1 | bit;
		y = bit ? (u64)(p >> 64) : (u64)(p >> 63);
	}
	return log;
}

u64 llama_rope_frequency(u32 base_bits, u32 i, u32 d)
{
	struct float_parts base;
	u64 log, x, r = TURN_Q64;
	u32 j;

	if (llama_f32_parts(base_bits, &base))
		return 0;
	log = log2_q56(base);
	/* Compute floor(log * 2i / d) without the high half of the product. */
	x = log / d * (2ull * i) + log % d * (2ull * i) / d;
	for (j = 0; j < 56; j++)
		if (x >> (55 - j) & 1)
			r = mul_hi(r, root_table[j]);
	x >>= 56;
	return x > 63 ? 0 : r >> x;
}

u64 llama_angle_div_f32(u64 angle, u32 bits)
{
	struct float_parts f;
	u64 quotient, rest;
	int e;

	if (llama_f32_parts(bits, &f) || f.m <= 0)
		return U64_MAX;
	if (f.e > 0)
		return f.e > 63 ? 0 : (angle >> f.e) / f.m;
	quotient = angle / f.m;
	rest = angle % f.m;
	for (e = f.e; e < 0; e++) {
		if (quotient >> 63)
			return U64_MAX;
		rest <<= 1;
		quotient = quotient << 1 | (rest >= (u64)f.m);
		if (rest >= (u64)f.m)
			rest -= f.m;
	}
	return quotient;
}

/* @m_bits: bits of the stored significand; @e_bits: bits of the exponent. */
static int float_parts(u32 bits, int m_bits, int e_bits, struct float_parts *p)
{
	u32 m = bits & ((1u << m_bits) - 1);
	int e_max = (1 << e_bits) - 1;
	int e = (bits >> m_bits) & e_max;
	int bias = (1 << (e_bits - 1)) - 1;

	if (e == e_max)
		return -ERANGE;
	if (e)
		m |= 1u << m_bits;
	else
		e = 1;
	p->m = bits >> (m_bits + e_bits) & 1 ? -(s32)m : (s32)m;
	p->e = e - bias - m_bits;
	return 0;
}

int llama_f32_parts(u32 bits, struct float_parts *p)
{
	return float_parts(bits, 23, 8, p);
}

int llama_f16_parts(u16 bits, struct float_parts *p)
{
	return float_parts(bits, 10, 5, p);
}

int llama_bf16_parts(u16 bits, struct float_parts *p)
{
	return float_parts((u32)bits << 16, 23, 8, p);
}

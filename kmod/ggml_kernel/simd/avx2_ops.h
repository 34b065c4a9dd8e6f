/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Sixteen rows in two vectors of eight, for tile_mul.h
 *
 * All but v_madd, which not all processors with AVX2 do alike. Sixteen rows are
 * whole cache lines, and twice the products for what is broadcast to them.
 */
#ifndef LLAMA_AVX2_OPS_H
#define LLAMA_AVX2_OPS_H

#include "simd/x86_simd.h"

#define LANES 16
#define VECTORS 4
#define ROWS 2	/* of attention_mul.h */

#define FETCH_BLOCKS 1

/* Types with whole codes and one scale are cheap to unpack; others are not. */
#define UNPACK_FROM(type) \
	((type) == GGML_TYPE_Q4_0 || (type) == GGML_TYPE_Q4_1 || (type) == GGML_TYPE_Q8_0 ? 20 : 4)

/* Lanes 0 to 7 and 8 to 15. */
struct vec {
	__m256i a;
	__m256i b;
};
#define vec struct vec

/* 64-bit sums of the even lanes and of the odd ones. */
struct wide {
	vec even;
	vec odd;
};

#define BINARY(name, op) \
static __always_inline vec name(vec v, vec w) \
{ \
	return (vec){ op(v.a, w.a), op(v.b, w.b) }; \
}
#define TERNARY(name, op) \
static __always_inline vec name(vec acc, vec v, vec w) \
{ \
	return (vec){ op(acc.a, v.a, w.a), op(acc.b, v.b, w.b) }; \
}
#define SHIFT(name, op) \
static __always_inline vec name(vec v, int n) \
{ \
	return (vec){ op(v.a, n), op(v.b, n) }; \
}

static __always_inline vec twice(__m256i v)
{
	return (vec){ v, v };
}

static __always_inline vec v_load(const void *p)
{
	const __m256i *v = p;

	return (vec){ _mm256_loadu_si256(v), _mm256_loadu_si256(v + 1) };
}

static __always_inline vec v_load16(const void *p)
{
	const __m128i *v = p;

	return (vec){ _mm256_cvtepi16_epi32(_mm_loadu_si128(v)),
		      _mm256_cvtepi16_epi32(_mm_loadu_si128(v + 1)) };
}

static __always_inline vec v_load8(const void *p)
{
	const u8 *v = p;

	return (vec){ _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)v)),
		      _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(v + 8))) };
}

static __always_inline void v_store(void *p, vec v)
{
	__m256i *to = p;

	_mm256_storeu_si256(to, v.a);
	_mm256_storeu_si256(to + 1, v.b);
}

#define v_set(x) twice(_mm256_set1_epi32(x))
#define v_mask(x) v_set(x)
#define v_pair(p) v_set(*(const int *)(p))
#define v_at(p) v_pair(p)
SHIFT(v_srl, _mm256_srli_epi32)
SHIFT(v_sll, _mm256_slli_epi32)
SHIFT(v_sra, _mm256_srai_epi32)
SHIFT(v_sra16, _mm256_srai_epi16)
SHIFT(v_sll16, _mm256_slli_epi16)
BINARY(v_sllv, _mm256_sllv_epi32)
BINARY(v_and, _mm256_and_si256)
BINARY(v_or, _mm256_or_si256)
BINARY(v_add, _mm256_add_epi32)
BINARY(v_sub, _mm256_sub_epi32)
BINARY(v_sub16, _mm256_sub_epi16)
BINARY(v_mullo, _mm256_mullo_epi32)
#define v_sll_at(v, p) v_sllv(v, v_pair(p))
#define v_byte(v, n) v_sra(v_sll(v, 24 - (n)), 24)
#define v_bits(v, n, mask) v_and(v_srl(v, n), v_set((mask) * 0x01010101))
#define v_spread(v) v_and(v_mullo(v_and(v, v_set(15)), v_set(0x2040810)), v_set(0x10101010))

BINARY(w_mul, _mm256_mul_epi32)
BINARY(w_add, _mm256_add_epi64)
SHIFT(w_srl, _mm256_srli_epi64)
SHIFT(w_sll, _mm256_slli_epi64)

static __always_inline struct wide w_zero(void)
{
	return (struct wide){ v_set(0), v_set(0) };
}

static __always_inline struct wide w_madd(struct wide acc, vec v, vec w)
{
	acc.even = w_add(acc.even, w_mul(v, w));
	acc.odd = w_add(acc.odd, w_mul(w_srl(v, 32), w_srl(w, 32)));
	return acc;
}

/* The same with a factor of 64 bits for all lanes. */
static __always_inline struct wide w_madd_at(struct wide acc, vec v, const s64 *p)
{
	vec factor = twice(_mm256_set1_epi64x(*p));

	acc.even = w_add(acc.even, w_mul(v, factor));
	acc.odd = w_add(acc.odd, w_mul(w_srl(v, 32), factor));
	return acc;
}
#define w_madd_at w_madd_at

static __always_inline __m256i blend_odd(__m256i even, __m256i odd)
{
	return _mm256_blend_epi32(even, odd, 0xaa);
}
BINARY(w_blend, blend_odd)

/* The result's low 32 bits are those of a logical shift. */
static __always_inline vec w_round(struct wide w, int r)
{
	vec half = twice(_mm256_set1_epi64x(1LL << (r - 1)));

	return w_blend(w_srl(w_add(w.even, half), r), w_sll(w_add(w.odd, half), 32 - r));
}

static __always_inline void store_half(s64 *p, __m256i even, __m256i odd)
{
	__m256i low = _mm256_unpacklo_epi64(even, odd);
	__m256i high = _mm256_unpackhi_epi64(even, odd);
	vec sums = { _mm256_permute2x128_si256(low, high, 0x20),
		     _mm256_permute2x128_si256(low, high, 0x31) };

	v_store(p, sums);
}

static __always_inline void w_store(s64 *p, struct wide w)
{
	store_half(p, w.even.a, w.odd.a);
	store_half(p + 8, w.even.b, w.odd.b);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Two vectors of eight rows, for tile_mul.h
 *
 * All but v_madd, which not all processors with AVX2 do alike.
 */
#ifndef LLAMA_AVX2_OPS_H
#define LLAMA_AVX2_OPS_H

#include "x86_simd.h"

#define LANES 8
#define VECTORS 4

#define vec __m256i

/* The even lanes' and the odd lanes' 64-bit sums. */
struct wide {
	__m256i even;
	__m256i odd;
};

#define v_load(p) _mm256_loadu_si256((const __m256i *)(p))
#define v_load16(p) _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(p)))
#define v_load8(p) _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p)))
#define v_store(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define v_set(x) _mm256_set1_epi32(x)
#define v_mask(x) v_set(x)
#define v_pair(p) _mm256_set1_epi32(*(const int *)(p))
#define v_srl(v, n) _mm256_srli_epi32(v, n)
#define v_sll(v, n) _mm256_slli_epi32(v, n)
#define v_at(p) _mm256_set1_epi32(*(const int *)(p))
#define v_sll_at(v, p) _mm256_sllv_epi32(v, _mm256_set1_epi32(*(const int *)(p)))
#define v_byte(v, n) _mm256_srai_epi32(_mm256_slli_epi32(v, 24 - (n)), 24)
#define v_sllv(v, w) _mm256_sllv_epi32(v, w)
#define v_sra16(v, n) _mm256_srai_epi16(v, n)
#define v_sll16(v, n) _mm256_slli_epi16(v, n)
#define v_and(v, w) _mm256_and_si256(v, w)
#define v_or(v, w) _mm256_or_si256(v, w)
#define v_sub16(v, w) _mm256_sub_epi16(v, w)
#define v_add(v, w) _mm256_add_epi32(v, w)
#define v_sub(v, w) _mm256_sub_epi32(v, w)
#define v_bits(v, n, mask) v_and(v_srl(v, n), v_set((mask) * 0x01010101))
#define v_spread(v) \
	v_and(_mm256_mullo_epi32(v_and(v, v_set(15)), v_set(0x2040810)), v_set(0x10101010))
#define w_zero() ((struct wide){ _mm256_setzero_si256(), _mm256_setzero_si256() })

static __always_inline struct wide w_madd(struct wide acc, vec v, vec w)
{
	acc.even = _mm256_add_epi64(acc.even, _mm256_mul_epi32(v, w));
	acc.odd = _mm256_add_epi64(acc.odd, _mm256_mul_epi32(_mm256_srli_epi64(v, 32),
							     _mm256_srli_epi64(w, 32)));
	return acc;
}

/* The same with a factor of 64 bits for all lanes. */
static __always_inline struct wide w_madd_at(struct wide acc, vec v, const s64 *p)
{
	__m256i factor = _mm256_set1_epi64x(*p);

	acc.even = _mm256_add_epi64(acc.even, _mm256_mul_epi32(v, factor));
	acc.odd = _mm256_add_epi64(acc.odd, _mm256_mul_epi32(_mm256_srli_epi64(v, 32), factor));
	return acc;
}
#define w_madd_at w_madd_at

/* The result's low 32 bits are those of a logical shift. */
static __always_inline vec w_round(struct wide w, int r)
{
	__m256i half = _mm256_set1_epi64x(1LL << (r - 1));
	__m256i even = _mm256_srli_epi64(_mm256_add_epi64(w.even, half), r);
	__m256i odd = _mm256_slli_epi64(_mm256_add_epi64(w.odd, half), 32 - r);

	return _mm256_blend_epi32(even, odd, 0xaa);
}

static __always_inline void w_store(s64 *p, struct wide w)
{
	__m256i low = _mm256_unpacklo_epi64(w.even, w.odd);
	__m256i high = _mm256_unpackhi_epi64(w.even, w.odd);

	v_store(p, _mm256_permute2x128_si256(low, high, 0x20));
	v_store(p + 4, _mm256_permute2x128_si256(low, high, 0x31));
}

#endif

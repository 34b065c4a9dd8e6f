// SPDX-License-Identifier: GPL-2.0
/* Loops over vectors for AVX-512. */
#ifndef __CHECKER__	/* sparse knows no vectors */
#include "simd/x86_simd.h"
#include "arithmetic/fixed.h"

#define VECTOR_BYTES 64
#define mul_lanes(a, b) ((unsigned_lanes)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))

/* The table in four registers. */
#define exp2_at(i) ({ \
	const __m512i *table = (const __m512i *)llama_exp2_table; \
	__m512i at = (__m512i)(i); \
	__m512i low = _mm512_permutex2var_epi32(_mm512_loadu_si512(table), at, \
						_mm512_loadu_si512(table + 1)); \
	__m512i high = _mm512_permutex2var_epi32(_mm512_loadu_si512(table + 2), at, \
						 _mm512_loadu_si512(table + 3)); \
	(words)_mm512_mask_blend_epi32(_mm512_cmpgt_epi32_mask(at, _mm512_set1_epi32(31)), \
						low, high); \
})

#define VECTOR_OPS llama_vector_avx512
#include "simd/vector_ops.h"
#endif

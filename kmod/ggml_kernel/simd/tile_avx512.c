// SPDX-License-Identifier: GPL-2.0
/* Tiles with AVX-512 (F, BW, VNNI): one vector of sixteen rows. */
#ifndef __CHECKER__	/* sparse knows no vectors */
#include "simd/x86_simd.h"

#define LANES 16
#define VECTORS 8
#define RAW_QUADS
#define QUAD_VECTORS VECTORS

#define vec __m512i

/* The even lanes' and the odd lanes' 64-bit sums. */
struct wide {
	__m512i even;
	__m512i odd;
};

#define v_load(p) _mm512_loadu_si512(p)
#define v_load16(p) _mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)(p)))
#define v_load8(p) _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(p)))
#define v_store(p, v) _mm512_storeu_si512(p, v)
#define v_set(x) _mm512_set1_epi32(x)
#define v_mask(x) v_set(x)
#define v_pair(p) _mm512_set1_epi32(*(const int *)(p))
#define v_srl(v, n) _mm512_srli_epi32(v, n)
#define v_sll(v, n) _mm512_slli_epi32(v, n)
#define v_at(p) _mm512_set1_epi32(*(const int *)(p))
#define v_sll_at(v, p) _mm512_sllv_epi32(v, _mm512_set1_epi32(*(const int *)(p)))
#define v_byte(v, n) _mm512_srai_epi32(_mm512_slli_epi32(v, 24 - (n)), 24)
#define v_sllv(v, w) _mm512_sllv_epi32(v, w)
#define v_sra16(v, n) _mm512_srai_epi16(v, n)
#define v_sll16(v, n) _mm512_slli_epi16(v, n)
#define v_and(v, w) _mm512_and_si512(v, w)
#define v_or(v, w) _mm512_or_si512(v, w)
#define v_sub16(v, w) _mm512_sub_epi16(v, w)
#define v_add(v, w) _mm512_add_epi32(v, w)
#define v_sub(v, w) _mm512_sub_epi32(v, w)
#define v_madd(acc, v, w) _mm512_dpwssd_epi32(acc, v, w)
#define v_quads(acc, v, w) _mm512_dpbusd_epi32(acc, v, w)
#define v_bits(v, n, mask) _mm512_and_si512(_mm512_srli_epi32(v, n), v_set((mask) * 0x01010101))
#define v_spread(v) \
	v_and(_mm512_mullo_epi32(v_and(v, v_set(15)), v_set(0x2040810)), v_set(0x10101010))
#define w_zero() ((struct wide){ _mm512_setzero_si512(), _mm512_setzero_si512() })

static __always_inline struct wide w_madd(struct wide acc, vec v, vec w)
{
	acc.even = _mm512_add_epi64(acc.even, _mm512_mul_epi32(v, w));
	acc.odd = _mm512_add_epi64(acc.odd, _mm512_mul_epi32(_mm512_srli_epi64(v, 32),
							     _mm512_srli_epi64(w, 32)));
	return acc;
}

/* The same with a factor of 64 bits for all lanes. */
static __always_inline struct wide w_madd_at(struct wide acc, vec v, const s64 *p)
{
	__m512i factor = _mm512_set1_epi64(*p);

	acc.even = _mm512_add_epi64(acc.even, _mm512_mul_epi32(v, factor));
	acc.odd = _mm512_add_epi64(acc.odd, _mm512_mul_epi32(_mm512_srli_epi64(v, 32), factor));
	return acc;
}
#define w_madd_at w_madd_at

/* The result's low 32 bits are those of a logical shift. */
static __always_inline vec w_round(struct wide w, int r)
{
	__m512i half = _mm512_set1_epi64(1LL << (r - 1));
	__m512i even = _mm512_srli_epi64(_mm512_add_epi64(w.even, half), r);
	__m512i odd = _mm512_slli_epi64(_mm512_add_epi64(w.odd, half), 32 - r);

	return _mm512_mask_blend_epi32(0xaaaa, even, odd);
}

static __always_inline void w_store(s64 *p, struct wide w)
{
	const __m512i low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
	const __m512i high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);

	v_store(p, _mm512_permutex2var_epi64(w.even, low, w.odd));
	v_store(p + 8, _mm512_permutex2var_epi64(w.even, high, w.odd));
}

#include "simd/tile_mul.h"
#include "simd/attention_mul.h"

static bool usable(void)
{
	return llama_cpu_has_avx512();
}

const struct llama_path llama_path_avx512 = {
	.name = "avx512",
	.usable = usable,
	.simd = true,
	.floats = true,
	.mul = tile_mul,
	.scores = scores,
	.values = values,
	.vector = &llama_vector_avx512,
};
#endif

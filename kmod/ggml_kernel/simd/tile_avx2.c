// SPDX-License-Identifier: GPL-2.0
/* Tiles with AVX2: sixteen rows in two vectors. */
#ifndef __CHECKER__	/* sparse knows no vectors */
#include "simd/avx2_ops.h"

BINARY(mul_pairs, _mm256_madd_epi16)
BINARY(mul_bytes, _mm256_maddubs_epi16)
BINARY(v_add16, _mm256_add_epi16)

/* In the order that it was written in: gcc would compute all products first, and spill them. */
static __always_inline vec in_order(vec v)
{
	__asm__ volatile("" : "+x"(v.a), "+x"(v.b));
	return v;
}
#define v_madd(acc, v, w) in_order(v_add(acc, mul_pairs(v, w)))
#define v_halves(acc, v, w) in_order(v_add16(acc, mul_bytes(v, w)))
#define v_set16(x) twice(_mm256_set1_epi16(x))
#define HALF_QUADS
#define QUAD_VECTORS 1

#include "simd/tile_mul.h"
#include "simd/attention_mul.h"

static bool usable(void)
{
	return llama_cpu_has_avx2();
}

const struct llama_path llama_path_avx2 = {
	.name = "avx2",
	.usable = usable,
	.simd = true,
	.floats = true,
	.mul = tile_mul,
	.scores = scores,
	.values = values,
	.vector = &llama_vector_avx2,
};
#endif

// SPDX-License-Identifier: GPL-2.0
/* Tiles with AVX2: two vectors of eight rows. */
#ifndef __CHECKER__	/* sparse knows no vectors */
#include "avx2_ops.h"

#define v_madd(acc, v, w) _mm256_add_epi32(acc, _mm256_madd_epi16(v, w))

#include "tile_mul.h"
#include "attention_mul.h"

static bool usable(void)
{
	return llama_cpu_has_avx2();
}

const struct isa isa_avx2 = {
	.name = "avx2",
	.usable = usable,
	.simd = true,
	.floats = true,
	.mul = tile_mul,
	.scores = scores,
	.values = values,
	.vector = &vector_avx2,
};
#endif

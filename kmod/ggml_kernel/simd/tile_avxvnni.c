// SPDX-License-Identifier: GPL-2.0
/* Tiles with AVX-VNNI: sixteen rows in two vectors. */
#ifndef __CHECKER__	/* sparse knows no vectors */
#include "simd/avx2_ops.h"

#ifdef __AVXVNNI__
#define mul_pairs _mm256_dpwssd_avx_epi32
#define mul_quads _mm256_dpbusd_avx_epi32
#define has_vnni() llama_cpu_has_avxvnni()
#else	/* AVX-512 has the same instructions: for tests where AVX-VNNI is missing */
#define mul_pairs _mm256_dpwssd_epi32
#define mul_quads _mm256_dpbusd_epi32
#define has_vnni() llama_cpu_has_avx512()
#endif

TERNARY(v_madd, mul_pairs)
TERNARY(v_quads, mul_quads)
#define RAW_QUADS
#define QUAD_VECTORS 2

#include "simd/tile_mul.h"
#include "simd/attention_mul.h"

static bool usable(void)
{
	return has_vnni();
}

const struct llama_path llama_path_avxvnni = {
	.name = "avxvnni",
	.usable = usable,
	.simd = true,
	.floats = true,
	.mul = tile_mul,
	.scores = scores,
	.values = values,
	.vector = &llama_vector_avx2,
};
#endif

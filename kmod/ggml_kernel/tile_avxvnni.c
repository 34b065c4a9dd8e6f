// SPDX-License-Identifier: GPL-2.0
/* Tiles with AVX-VNNI: two vectors of eight rows. */
#ifndef __CHECKER__	/* sparse knows no vectors */
#include "avx2_ops.h"

#ifdef __AVXVNNI__
#define v_madd(acc, v, w) _mm256_dpwssd_avx_epi32(acc, v, w)
#define v_quads(acc, v, w) _mm256_dpbusd_avx_epi32(acc, v, w)
#define has_vnni() llama_cpu_has_avxvnni()
#else	/* AVX-512 has the same instructions: for tests where AVX-VNNI is missing */
#define v_madd(acc, v, w) _mm256_dpwssd_epi32(acc, v, w)
#define v_quads(acc, v, w) _mm256_dpbusd_epi32(acc, v, w)
#define has_vnni() llama_cpu_has_avx512()
#endif
#define RAW_QUADS

#include "tile_mul.h"
#include "attention_mul.h"

static bool usable(void)
{
	return has_vnni();
}

const struct isa isa_avxvnni = {
	.name = "avxvnni",
	.usable = usable,
	.simd = true,
	.floats = true,
	.mul = tile_mul,
	.scores = scores,
	.values = values,
	.vector = &vector_avx2,
};
#endif

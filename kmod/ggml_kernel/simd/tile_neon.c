// SPDX-License-Identifier: GPL-2.0
/* Tiles with NEON, as every arm64 processor has it. */
#include "simd/neon_ops.h"
#include "simd/tile_mul.h"
#include "simd/attention_mul.h"

static bool usable(void)
{
	return llama_cpu_has_neon();
}

const struct llama_path llama_path_neon = {
	.name = "neon",
	.usable = usable,
	.simd = true,
	.floats = true,
	.mul = tile_mul,
	.scores = scores,
	.values = values,
	.vector = &llama_vector_neon,
};

// SPDX-License-Identifier: GPL-2.0
/*
 * Tiles with NEON and its dot products of bytes. Instructions (gcc 12) for a
 * 32-block of eight rows, with NEON alone and so:
 *
 *	Q4_1		218	100
 *	Q5_0		491	181
 *	Q8_0		198	107
 *	Q4_K		297	148
 *	Q6_K		452	238
 *	Q4_1, many vectors	140	73 for each of them
 */
#include "simd/dotprod_ops.h"
#include "simd/tile_mul.h"
#include "simd/attention_mul.h"

static bool usable(void)
{
	return llama_cpu_has_dotprod();
}

const struct llama_path llama_path_dotprod = {
	.name = "dotprod",
	.usable = usable,
	.simd = true,
	.floats = true,
	.mul = tile_mul,
	.scores = scores,
	.values = values,
	.vector = &llama_vector_neon,
};

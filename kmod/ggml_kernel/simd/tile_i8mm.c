// SPDX-License-Identifier: GPL-2.0
/*
 * Tiles with products of matrices of bytes: two rows by two of many vectors.
 * Instructions (gcc 12) for a 32-block of eight rows and each vector, with dot
 * products and so:
 *
 *	Q4_1	73	49
 *	Q8_0	73	49
 *	Q4_K	88	47
 *	Q6_K	83	59
 */
#include "simd/dotprod_ops.h"

#define ROW_PAIRS

static __always_inline uint32x4_t low_halves(uint32x4_t v, uint32x4_t w)
{
	return (uint32x4_t)vzip1q_u64((uint64x2_t)v, (uint64x2_t)w);
}

static __always_inline uint32x4_t high_halves(uint32x4_t v, uint32x4_t w)
{
	return (uint32x4_t)vzip2q_u64((uint64x2_t)v, (uint64x2_t)w);
}

static __always_inline vec v_join_first(vec v, vec w)
{
	return (vec){ vzip1q_u32(v.a, w.a), vzip2q_u32(v.a, w.a) };
}

static __always_inline vec v_join_last(vec v, vec w)
{
	return (vec){ vzip1q_u32(v.b, w.b), vzip2q_u32(v.b, w.b) };
}

static __always_inline void b_pairs(const u8 *x, const u8 *y, bytes *out)
{
	uint32x4_t v = (uint32x4_t)vld1q_u8(x), w = (uint32x4_t)vld1q_u8(y);

	out[0] = (bytes)low_halves(v, w);
	out[1] = (bytes)high_halves(v, w);
}

static __always_inline vec v_mmla(vec acc, bytes x, vec v)
{
	return (vec){
		(uint32x4_t)vmmlaq_s32((int32x4_t)acc.a, (int8x16_t)x, (int8x16_t)v.a),
		(uint32x4_t)vmmlaq_s32((int32x4_t)acc.b, (int8x16_t)x, (int8x16_t)v.b),
	};
}

static __always_inline vec v_usmmla(vec acc, bytes x, vec v)
{
	return (vec){
		(uint32x4_t)vusmmlaq_s32((int32x4_t)acc.a, x, (int8x16_t)v.a),
		(uint32x4_t)vusmmlaq_s32((int32x4_t)acc.b, x, (int8x16_t)v.b),
	};
}

static __always_inline vec v_first(vec v, vec w)
{
	return (vec){ low_halves(v.a, v.b), low_halves(w.a, w.b) };
}

static __always_inline vec v_last(vec v, vec w)
{
	return (vec){ high_halves(v.a, v.b), high_halves(w.a, w.b) };
}

#include "simd/tile_mul.h"
#include "simd/attention_mul.h"

static bool usable(void)
{
	return llama_cpu_has_dotprod() && llama_cpu_has_i8mm();
}

const struct llama_path llama_path_i8mm = {
	.name = "i8mm",
	.usable = usable,
	.simd = true,
	.floats = true,
	.mul = tile_mul,
	.scores = scores,
	.values = values,
	.vector = &llama_vector_neon,
};

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The operations of tile_bytes.h with NEON's dot products
 */
#define VECTORS 2	/* with four, sums spill: 93 instructions for 73 */
#include "simd/neon_ops.h"

#define BYTE_CODES
#define bytes uint8x16_t

/* Without the mask where the shift has done its work. */
static __always_inline vec v_bits(vec v, int n, u32 mask)
{
	uint8x16_t a = (uint8x16_t)v.a >> n, b = (uint8x16_t)v.b >> n;

	if (mask << n < 128) {
		a &= vdupq_n_u8(mask);
		b &= vdupq_n_u8(mask);
	}
	return (vec){ (uint32x4_t)a, (uint32x4_t)b };
}

static __always_inline vec v_spread(vec v)
{
	uint32x4_t four = vdupq_n_u32(15), bit = vdupq_n_u32(0x10101010);

	return (vec){ (v.a & four) * 0x2040810 & bit, (v.b & four) * 0x2040810 & bit };
}

static __always_inline vec v_xor(vec v, vec w)
{
	return (vec){ v.a ^ w.a, v.b ^ w.b };
}

static __always_inline vec v_sub8(vec v, vec w)
{
	return (vec){ (uint32x4_t)((uint8x16_t)v.a - (uint8x16_t)w.a),
		      (uint32x4_t)((uint8x16_t)v.b - (uint8x16_t)w.b) };
}

static __always_inline bytes b_high(const s16 *q)
{
	return vuzp2q_u8((uint8x16_t)vld1q_s16(q), (uint8x16_t)vld1q_s16(q + 8));
}

static __always_inline bytes b_low(const s16 *q)
{
	return vuzp1q_u8((uint8x16_t)vld1q_s16(q), (uint8x16_t)vld1q_s16(q + 8));
}

static __always_inline vec b_total(bytes x)
{
	uint32x4_t v = vdotq_u32(vdupq_n_u32(0), x, vdupq_n_u8(1));

	v = vpaddq_u32(v, v);
	v = vpaddq_u32(v, v);
	return (vec){ v, v };
}

/* A lane's number has to be a constant before anything is inlined. */
static __always_inline uint32x4_t sdot(uint32x4_t acc, uint32x4_t v, bytes x, u32 i)
{
	int32x4_t sum = (int32x4_t)acc;
	int8x16_t codes = (int8x16_t)v, y = (int8x16_t)x;

	switch (i) {
	case 0:
		return (uint32x4_t)vdotq_laneq_s32(sum, codes, y, 0);
	case 1:
		return (uint32x4_t)vdotq_laneq_s32(sum, codes, y, 1);
	case 2:
		return (uint32x4_t)vdotq_laneq_s32(sum, codes, y, 2);
	default:
		return (uint32x4_t)vdotq_laneq_s32(sum, codes, y, 3);
	}
}

static __always_inline uint32x4_t udot(uint32x4_t acc, uint32x4_t v, bytes x, u32 i)
{
	uint8x16_t codes = (uint8x16_t)v;

	switch (i) {
	case 0:
		return vdotq_laneq_u32(acc, codes, x, 0);
	case 1:
		return vdotq_laneq_u32(acc, codes, x, 1);
	case 2:
		return vdotq_laneq_u32(acc, codes, x, 2);
	default:
		return vdotq_laneq_u32(acc, codes, x, 3);
	}
}

static __always_inline vec v_dot(vec acc, vec v, bytes x, u32 i)
{
	return (vec){ sdot(acc.a, v.a, x, i), sdot(acc.b, v.b, x, i) };
}

static __always_inline vec v_udot(vec acc, vec v, bytes x, u32 i)
{
	return (vec){ udot(acc.a, v.a, x, i), udot(acc.b, v.b, x, i) };
}

static __always_inline vec v_sdot_low(vec acc, vec v, bytes x, u32 i)
{
	return v_dot(acc, v, x ^ 0x80, i);
}

static __always_inline vec v_total(vec acc, vec v)
{
	int8x16_t one = vdupq_n_s8(1);

	return (vec){ (uint32x4_t)vdotq_s32((int32x4_t)acc.a, (int8x16_t)v.a, one),
		      (uint32x4_t)vdotq_s32((int32x4_t)acc.b, (int8x16_t)v.b, one) };
}

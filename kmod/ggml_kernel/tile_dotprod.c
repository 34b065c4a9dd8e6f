// SPDX-License-Identifier: GPL-2.0
/* Tiles with NEON and its dot products of bytes. */
#include "neon_ops.h"

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

#define SDOT(acc, v, x, i) ((uint32x4_t)vdotq_laneq_s32((int32x4_t)(acc), (int8x16_t)(v), x, i))
#define DOT_CASE(i) \
	case i: \
		return (vec){ SDOT(acc.a, v.a, (int8x16_t)x, i), SDOT(acc.b, v.b, (int8x16_t)x, i) }
#define UDOT_CASE(i) \
	case i: \
		return (vec){ vdotq_laneq_u32(acc.a, (uint8x16_t)v.a, x, i), \
			      vdotq_laneq_u32(acc.b, (uint8x16_t)v.b, x, i) }

/* A lane's number has to be a constant before anything is inlined. */
static __always_inline vec v_dot(vec acc, vec v, bytes x, u32 i)
{
	switch (i) {
	DOT_CASE(0);
	DOT_CASE(1);
	DOT_CASE(2);
	default:
	DOT_CASE(3);
	}
}

static __always_inline vec v_udot(vec acc, vec v, bytes x, u32 i)
{
	switch (i) {
	UDOT_CASE(0);
	UDOT_CASE(1);
	UDOT_CASE(2);
	default:
	UDOT_CASE(3);
	}
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

#include "tile_mul.h"
#include "attention_mul.h"

static bool usable(void)
{
	return llama_cpu_has_dotprod();
}

const struct isa isa_dotprod = {
	.name = "dotprod",
	.usable = usable,
	.simd = true,
	.floats = true,
	.mul = tile_mul,
	.scores = scores,
	.values = values,
	.vector = &vector_neon,
};

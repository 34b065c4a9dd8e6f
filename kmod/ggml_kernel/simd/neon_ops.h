/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The operations of tile_mul.h with NEON: two registers, eight rows
 *
 * Shifts are written as operators, which take a constant of 0 too.
 */
#include "simd/arm_simd.h"

#define LANES 8
#ifndef VECTORS
#define VECTORS 4
#endif

/* Rows 0 to 3 and rows 4 to 7. */
struct lanes {
	uint32x4_t a;
	uint32x4_t b;
};

#define vec struct lanes

/* Rows two by two. */
struct wide {
	int64x2_t a;
	int64x2_t b;
	int64x2_t c;
	int64x2_t d;
};

static __always_inline vec v_load(const void *p)
{
	return (vec){ vld1q_u32(p), vld1q_u32((const u32 *)p + 4) };
}

static __always_inline vec v_load16(const void *p)
{
	int16x8_t v = vld1q_s16(p);

	return (vec){ (uint32x4_t)vmovl_s16(vget_low_s16(v)), (uint32x4_t)vmovl_high_s16(v) };
}

static __always_inline vec v_load8(const void *p)
{
	uint16x8_t v = vmovl_u8(vld1_u8(p));

	return (vec){ vmovl_u16(vget_low_u16(v)), vmovl_high_u16(v) };
}

static __always_inline void v_store(void *p, vec v)
{
	vst1q_u32(p, v.a);
	vst1q_u32((u32 *)p + 4, v.b);
}

static __always_inline vec v_mask(u32 x)
{
	return (vec){ vdupq_n_u32(x), vdupq_n_u32(x) };
}

#define v_set(x) v_mask(x)

/* The pair four times. */
#define v_pair(p) ((int16x8_t)vld1q_dup_u32((const u32 *)(p)))

static __always_inline vec v_at(const s32 *p)
{
	uint32x4_t v = vld1q_dup_u32((const u32 *)p);

	return (vec){ v, v };
}
#define v_at v_at

static __always_inline vec v_srl(vec v, int n)
{
	return (vec){ v.a >> n, v.b >> n };
}

static __always_inline vec v_sll(vec v, int n)
{
	return (vec){ v.a << n, v.b << n };
}

static __always_inline vec v_sllv(vec v, vec w)
{
	return (vec){ vshlq_u32(v.a, (int32x4_t)w.a), vshlq_u32(v.b, (int32x4_t)w.b) };
}
#define v_sll_at(v, p) v_sllv(v, v_at((const s32 *)(p)))

static __always_inline vec v_byte(vec v, int n)
{
	vec w = v_sll(v, 24 - n);

	return (vec){ (uint32x4_t)((int32x4_t)w.a >> 24), (uint32x4_t)((int32x4_t)w.b >> 24) };
}

static __always_inline vec v_sra16(vec v, int n)
{
	return (vec){ (uint32x4_t)((int16x8_t)v.a >> n), (uint32x4_t)((int16x8_t)v.b >> n) };
}

static __always_inline vec v_sll16(vec v, int n)
{
	return (vec){ (uint32x4_t)((uint16x8_t)v.a << n), (uint32x4_t)((uint16x8_t)v.b << n) };
}

static __always_inline vec v_sub16(vec v, vec w)
{
	return (vec){ (uint32x4_t)((uint16x8_t)v.a - (uint16x8_t)w.a),
		      (uint32x4_t)((uint16x8_t)v.b - (uint16x8_t)w.b) };
}

static __always_inline vec v_and(vec v, vec w)
{
	return (vec){ v.a & w.a, v.b & w.b };
}

static __always_inline vec v_or(vec v, vec w)
{
	return (vec){ v.a | w.a, v.b | w.b };
}

static __always_inline vec v_add(vec v, vec w)
{
	return (vec){ v.a + w.a, v.b + w.b };
}

static __always_inline vec v_sub(vec v, vec w)
{
	return (vec){ v.a - w.a, v.b - w.b };
}

/* Taking the halves apart serves all vectors that the codes are multiplied with. */
static __always_inline vec v_madd(vec acc, vec v, int16x8_t pair)
{
	int16x8_t low = vuzp1q_s16((int16x8_t)v.a, (int16x8_t)v.b);
	int16x8_t high = vuzp2q_s16((int16x8_t)v.a, (int16x8_t)v.b);
	int32x4_t a = vmlal_laneq_s16((int32x4_t)acc.a, vget_low_s16(low), pair, 0);
	int32x4_t b = vmlal_high_laneq_s16((int32x4_t)acc.b, low, pair, 0);

	a = vmlal_laneq_s16(a, vget_low_s16(high), pair, 1);
	b = vmlal_high_laneq_s16(b, high, pair, 1);
	return (vec){ (uint32x4_t)a, (uint32x4_t)b };
}

static __always_inline struct wide w_zero(void)
{
	int64x2_t zero = vdupq_n_s64(0);

	return (struct wide){ zero, zero, zero, zero };
}

static __always_inline struct wide w_madd(struct wide acc, vec v, vec w)
{
	int32x4_t va = (int32x4_t)v.a, vb = (int32x4_t)v.b;
	int32x4_t wa = (int32x4_t)w.a, wb = (int32x4_t)w.b;

	return (struct wide){
		vmlal_s32(acc.a, vget_low_s32(va), vget_low_s32(wa)),
		vmlal_high_s32(acc.b, va, wa),
		vmlal_s32(acc.c, vget_low_s32(vb), vget_low_s32(wb)),
		vmlal_high_s32(acc.d, vb, wb),
	};
}

#define w_madd_at(acc, v, p) w_madd(acc, v, v_at((const s32 *)(p)))

static __always_inline uint32x4_t round_four(int64x2_t v, int64x2_t w, int r)
{
	int64x2_t shift = vdupq_n_s64(-r);

	return vuzp1q_u32((uint32x4_t)vrshlq_s64(v, shift), (uint32x4_t)vrshlq_s64(w, shift));
}

static __always_inline vec w_round(struct wide w, int r)
{
	return (vec){ round_four(w.a, w.b, r), round_four(w.c, w.d, r) };
}

static __always_inline void w_store(s64 *p, struct wide w)
{
	vst1q_s64(p, w.a);
	vst1q_s64(p + 2, w.b);
	vst1q_s64(p + 4, w.c);
	vst1q_s64(p + 6, w.d);
}

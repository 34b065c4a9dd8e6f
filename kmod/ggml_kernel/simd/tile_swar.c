// SPDX-License-Identifier: GPL-2.0
/*
 * Tiles without vector registers: two rows in a 64-bit integer.
 *
 * Lanes l and h are kept as the number l + h 2^32. Sums, differences and
 * multiples of such numbers are those of their lanes, negative ones included;
 * only taking the lanes apart has to undo the borrow.
 */
#include "arithmetic/path.h"

#define LANES 2
#define VECTORS 1
#define UNSIGNED_LANES	/* codes must not be negative: their fields share a register */

typedef u64 vec;

struct wide {
	s64 low;
	s64 high;
};

#define LANE_ONES 0x100000001ULL

static __always_inline vec v_lanes(s64 low, s64 high)
{
	return (u64)low + ((u64)high << 32);
}

static __always_inline s32 v_low(vec v)
{
	return (s32)v;
}

static __always_inline s32 v_high(vec v)
{
	return (s32)((v - (u64)(s64)v_low(v)) >> 32);
}

static __always_inline vec v_load(const void *p)
{
	return llama_get_u64(p);
}

static __always_inline vec v_load16(const void *p)
{
	u32 both = llama_get_u32(p);

	return v_lanes((s16)both, (s16)(both >> 16));
}

#define v_load8(p) v_lanes(((const u8 *)(p))[0], ((const u8 *)(p))[1])
#define v_set(x) v_lanes((s32)(x), (s32)(x))
#define v_mask(x) ((u64)(u32)(x) * LANE_ONES)
#define v_pair(p) llama_get_u32(p)
#define v_srl(v, n) ((v) >> (n))
#define v_sll(v, n) ((v) << (n))
#define v_and(v, w) ((v) & (w))
#define v_xor(v, w) ((v) ^ (w))
#define v_or(v, w) ((v) | (w))
#define v_add(v, w) ((v) + (w))
#define v_sub(v, w) ((v) - (w))
#define v_sllv(v, w) v_lanes((s64)v_low(v) << v_low(w), (s64)v_high(v) << v_high(w))
#define v_byte(v, n) v_lanes((s8)((v) >> (n)), (s8)((v) >> (32 + (n))))

static __always_inline vec v_madd(vec acc, vec codes, u32 pair)
{
	acc += (codes & (LANE_ONES * 0xffff)) * (u64)(s64)(s16)pair;
	return acc + (codes >> 16 & (LANE_ONES * 0xffff)) * (u64)(s64)(s16)(pair >> 16);
}

#define w_zero() ((struct wide){ 0, 0 })

static __always_inline struct wide w_madd(struct wide acc, vec v, vec w)
{
	acc.low += (s64)v_low(v) * v_low(w);
	acc.high += (s64)v_high(v) * v_high(w);
	return acc;
}

static __always_inline vec w_round(struct wide w, int r)
{
	return v_lanes(shift_round(w.low, r), shift_round(w.high, r));
}

static __always_inline void w_store(s64 *p, struct wide w)
{
	p[0] = w.low;
	p[1] = w.high;
}

#include "simd/tile_mul.h"

static bool usable(void)
{
	return true;
}

const struct llama_path llama_path_swar = {
	.name = "swar",
	.usable = usable,
	.mul = tile_mul,
	.scores = llama_attention_scores,
	.values = llama_attention_values,
	.vector = &llama_vector_generic,
};

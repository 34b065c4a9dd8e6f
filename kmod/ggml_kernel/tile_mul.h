/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The product of a tile and vectors, once for every instruction set
 *
 * An instruction set's file defines the vector type and the operations below,
 * then includes this. A vector has LANES 32-bit lanes, a lane a row; a
 * struct wide has as many 64-bit ones. Everything inlines with constants, so
 * that each weight type becomes straight code.
 *
 *	VECTORS			vectors that the unrolled inner loop runs at once
 *	vec v_load(p)		LANES u32, unaligned
 *	vec v_load16(p)		LANES s16, sign-extended
 *	vec v_load8(p)		LANES u8, zero-extended
 *	void v_store(p, v)
 *	vec v_set(s32)		the same in each lane
 *	vec v_mask(u32)		the same bits in each lane
 *	vec v_pair(p)		the u32 at p in each lane
 *	vec v_srl(v, n)  v_sll(v, n)	32-bit shifts
 *	vec v_sllv(v, w)	shift by each lane of w
 *	vec v_byte(v, n)	the byte at bit n of each lane, sign-extended
 *	vec v_sra16(v, n)  v_sll16(v, n)		16-bit shifts
 *	vec v_and(v, w)  v_or(v, w)  v_add(v, w)  v_sub(v, w)
 *	vec v_madd(acc, v, w)	acc + v.lo * w.lo + v.hi * w.hi, signed 16-bit halves
 *	struct wide w_zero()
 *	struct wide w_madd(acc, v, w)	acc + v * w, 32 x 32 -> 64 bits
 *	vec w_round(w, r)	shift_round(w, r), which must fit in 32 bits
 *	void w_store(p, w)	LANES s64 in order
 */
#include "tile.h"
#include "generated/ggml_types.h"

#ifdef UNSIGNED_LANES
#define Q8_OFFSET 128
#else
#define Q8_OFFSET 0
#endif

#define LANE_WORDS TILE_ROWS	/* from one word of a row to its next */
#define PAIRS 16		/* of a 32-block */
#define K_BLOCKS 8		/* 32-blocks of a 256-block */

/* How a type's codes lie in its words. */
struct shape {
	u32 type;
	u32 words;	/* of a block */
	int offset;	/* taken off a code */
	int sub;	/* elements of a sub-block; 0: no sub-blocks */
	bool minima;
	int r, t;	/* rounding shifts */
	u32 lane;	/* the tile's row in the vector's first lane */
	bool unpacked;	/* codes were unpacked before */
};

static __always_inline vec word(const struct shape s, const u8 *block, u32 i)
{
	return v_load(block + 4 * (LANE_WORDS * i + s.lane));
}

/* Two codes of up to 8 bits at bit @shift of each half. */
static __always_inline vec field(vec w, u32 shift, u32 mask)
{
	return v_and(v_srl(w, shift), v_mask(mask << 16 | mask));
}

/* Codes of pair @p of 32-block @b, still with their offset. */
static __always_inline vec codes(const struct shape s, const u8 *block, u32 b, u32 p)
{
	u32 m = p / 2, byte = 8 * (p % 2);
	u32 half = b / 4, plane = b % 4;
	vec v, w;

	switch (s.type) {
	case GGML_TYPE_Q4_0:
	case GGML_TYPE_Q4_1:
		return field(word(s, block, m % 4), byte + 4 * (m / 4), 15);
	case GGML_TYPE_Q5_0:
	case GGML_TYPE_Q5_1:
		/* Bit i of word 0 is the fifth bit of element i; here i and i + 2 are wanted. */
		w = word(s, block, 0);
		v = v_or(v_and(v_srl(w, 4 * m + p % 2), v_set(1)),
			 v_sll(v_and(v_srl(w, 4 * m + p % 2 + 2), v_set(1)), 16));
		return v_or(field(word(s, block, 1 + m % 4), byte + 4 * (m / 4), 15), v_sll(v, 4));
	case GGML_TYPE_Q8_0:
#ifdef UNSIGNED_LANES
		return field(v_xor(word(s, block, m), v_mask(0x80808080)), byte, 255);
#else
		w = word(s, block, m);
		return v_sra16(p % 2 ? w : v_sll16(w, 8), 8);
#endif
	case GGML_TYPE_Q2_K:
		return field(word(s, block, 4 + 8 * half + m), byte + 2 * plane, 3);
	case GGML_TYPE_Q3_K:
		return v_or(field(word(s, block, 8 + 8 * half + m), byte + 2 * plane, 3),
			    v_sll(field(word(s, block, m), byte + b, 1), 2));
	case GGML_TYPE_Q4_K:
		return field(word(s, block, 3 + 8 * (b / 2) + m), byte + 4 * (b % 2), 15);
	case GGML_TYPE_Q5_K:
		return v_or(field(word(s, block, 11 + 8 * (b / 2) + m), byte + 4 * (b % 2), 15),
			    v_sll(field(word(s, block, 3 + m), byte + b, 1), 4));
	case GGML_TYPE_Q6_K:
		return v_or(field(word(s, block, 16 * half + 8 * (plane % 2) + m),
				  byte + 4 * (plane / 2), 15),
			    v_sll(field(word(s, block, 32 + 8 * half + m), byte + 2 * plane, 3), 4));
	default:	/* floats */
		return word(s, block, p);
	}
}

/* @n bits from bit @bit of byte @i, of words from @first on. */
static __always_inline vec scale_bits(const struct shape s, const u8 *block, u32 first, u32 i, u32 bit, u32 n)
{
	return v_and(v_srl(word(s, block, first + i / 4), 8 * (i % 4) + bit), v_mask((1 << n) - 1));
}

/* Six bits of Q4_K's and Q5_K's twelve bytes: scale @j, or minimum @j. */
static __always_inline vec scale_k4(const struct shape s, const u8 *block, u32 j, bool minimum)
{
	if (j < 4)
		return scale_bits(s, block, minimum, j, 0, 6);
	return v_or(scale_bits(s, block, 2, j - 4, 4 * minimum, 4),
		    v_sll(scale_bits(s, block, minimum, j - 4, 6, 2), 4));
}

/* Scale of sub-block @j. */
static __always_inline vec sub_scale(const struct shape s, const u8 *block, u32 j)
{
	vec v;

	switch (s.type) {
	case GGML_TYPE_Q2_K:
		return scale_bits(s, block, 0, j, 0, 4);
	case GGML_TYPE_Q3_K:
		v = v_or(scale_bits(s, block, 24, j % 8, 4 * (j / 8), 4),
			 v_sll(scale_bits(s, block, 26, j % 4, 2 * (j / 4), 2), 4));
		return v_sub(v, v_set(32));
	case GGML_TYPE_Q6_K:
		return v_byte(word(s, block, 48 + j / 4), 8 * (j % 4));
	default:
		return scale_k4(s, block, j, false);
	}
}

static __always_inline vec sub_minimum(const struct shape s, const u8 *block, u32 j)
{
	return s.type == GGML_TYPE_Q2_K ? scale_bits(s, block, 0, j, 4, 4) :
					  scale_k4(s, block, j, true);
}

/* What of a vector of the batch a tile's product reads. */
struct input {
	const u32 *pair;
	const s32 *sum;
	const u8 *h;
};

static __always_inline struct input input(const struct bfp *x, u32 token)
{
	size_t block = (size_t)token * x->n_blocks;

	return (struct input){
		.pair = x->pair + block * PAIRS,
		.sum = x->sum + block * 2,
		.h = x->h + block,
	};
}

/* Where the codes of 32-block @b come from: the tile, or unpacked before. */
static __always_inline vec block_codes(const struct shape s, const u8 *block, const u8 *unpacked, u32 b, u32 p)
{
	return s.unpacked ? v_load(unpacked + 4 * (LANE_WORDS * (b * PAIRS + p) + s.lane)) :
			  codes(s, block, b, p);
}

/* dot[t] = the codes of pairs [p0, p1) of a 32-block with each of @n vectors. */
static __always_inline void dot(const struct shape s, const u8 *block, const u8 *unpacked, u32 b, u32 p0, u32 p1,
		const struct input *x, u32 n, size_t at, vec *out)
{
	u32 p, t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		out[t] = v_set(0);
#pragma GCC unroll 16
	for (p = p0; p < p1; p++) {
		vec c = block_codes(s, block, unpacked, b, p);

#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			out[t] = v_madd(out[t], c, v_pair(x[t].pair + (at + b) * PAIRS + p));
	}
	if (!s.offset)
		return;
#pragma GCC unroll 16
	for (t = 0; t < n; t++) {
		const s32 *half = x[t].sum + 2 * (at + b);
		s32 sum = p1 - p0 == PAIRS ? half[0] + half[1] : half[p0 / 8];

		out[t] = v_sub(out[t], v_set(s.offset * sum));
	}
}

/* Plane D of a block, or N with @n 1. */
static __always_inline vec scale(const struct shape s, const u8 *block, u32 n)
{
	return v_load16(block + 4 * LANE_WORDS * s.words + 2 * (n * TILE_ROWS + s.lane));
}

/* Sums of a type of 32-blocks: @n vectors with LANES rows. */
static __always_inline void mul_32(const struct shape s, const u8 *block, const u8 *unpacked, u32 n_blocks,
		   const struct input *x, u32 n, s64 *a, s64 *z)
{
	u32 bytes = (4 * s.words + (s.minima ? 4 : 2)) * TILE_ROWS;
	struct wide sum[VECTORS], minima[VECTORS];
	vec out[VECTORS];
	u32 b, t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		sum[t] = minima[t] = w_zero();
	for (b = 0; b < n_blocks; b++, block += bytes) {
		vec d = scale(s, block, 0);

		dot(s, block, unpacked + 4 * LANE_WORDS * PAIRS * b, 0, 0, PAIRS, x, n, b, out);
#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			sum[t] = w_madd(sum[t], out[t], v_sll(d, x[t].h[b]));
		if (!s.minima)
			continue;
		d = scale(s, block, 1);
#pragma GCC unroll 16
		for (t = 0; t < n; t++) {
			s32 both = x[t].sum[2 * b] + x[t].sum[2 * b + 1];

			minima[t] = w_madd(minima[t], d, v_set(both * (1 << x[t].h[b])));
		}
	}
#pragma GCC unroll 16
	for (t = 0; t < n; t++) {
		w_store(a + t * TILE_ROWS + s.lane, sum[t]);
		if (s.minima)
			w_store(z + t * TILE_ROWS + s.lane, minima[t]);
	}
}

/* Sub-blocks of 32-block @b: scaled dots onto @sum, scaled sums onto @minima. */
static __always_inline void add_subs(const struct shape s, const u8 *block, const u8 *unpacked, u32 b,
		     const struct input *x, u32 n, size_t at, struct wide *sum,
		     struct wide *minima)
{
	u32 subs = 32 / s.sub;
	vec out[VECTORS];
	u32 i, t;

#pragma GCC unroll 16
	for (i = 0; i < subs; i++) {
		vec scale = sub_scale(s, block, b * subs + i);

		dot(s, block, unpacked, b, i * PAIRS / subs, (i + 1) * PAIRS / subs, x, n, at, out);
#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			sum[t] = w_madd(sum[t], out[t], v_sll(scale, x[t].h[at + b]));
		if (!s.minima)
			continue;
		scale = sub_minimum(s, block, b * subs + i);
#pragma GCC unroll 16
		for (t = 0; t < n; t++) {
			const s32 *half = x[t].sum + 2 * (at + b);
			s32 total = subs == 2 ? half[i] : half[0] + half[1];

			minima[t] = w_madd(minima[t], scale, v_set(total * (1 << x[t].h[at + b])));
		}
	}
}

/* Sums of a K-quant: @n vectors with LANES rows. */
static __always_inline void mul_k(const struct shape s, const u8 *block, const u8 *unpacked, u32 n_blocks,
		  const struct input *x, u32 n, s64 *a, s64 *z)
{
	u32 bytes = (4 * s.words + (s.minima ? 4 : 2)) * TILE_ROWS;
	struct wide sum[VECTORS], minima[VECTORS], isum[VECTORS], jsum[VECTORS];
	u32 at, b, t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		sum[t] = minima[t] = w_zero();
	for (at = 0; at < n_blocks; at += K_BLOCKS, block += bytes) {
#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			isum[t] = jsum[t] = w_zero();
#pragma GCC unroll 16
		for (b = 0; b < K_BLOCKS; b++)
			add_subs(s, block, unpacked, b, x, n, at, isum, jsum);
#pragma GCC unroll 16
		for (t = 0; t < n; t++) {
			sum[t] = w_madd(sum[t], w_round(isum[t], s.r), scale(s, block, 0));
			if (s.minima)
				minima[t] = w_madd(minima[t], w_round(jsum[t], s.t),
						   scale(s, block, 1));
		}
		unpacked += 4 * LANE_WORDS * PAIRS * K_BLOCKS;
	}
#pragma GCC unroll 16
	for (t = 0; t < n; t++) {
		w_store(a + t * TILE_ROWS + s.lane, sum[t]);
		if (s.minima)
			w_store(z + t * TILE_ROWS + s.lane, minima[t]);
	}
}

#ifndef UNSIGNED_LANES
/* Sums of 16-bit codes, whose dots need 64 bits: @n vectors with LANES rows. */
static __always_inline void mul_float(const struct shape s, const u8 *block, const u8 *g, u32 n_blocks,
		      const struct input *x, u32 n, s64 *a)
{
	struct wide sum[VECTORS];
	u32 b, p, t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		sum[t] = w_zero();
	for (b = 0; b < n_blocks; b++, block += 4 * LANE_WORDS * PAIRS) {
		vec shift = v_load8(g + b * TILE_ROWS + s.lane);

#pragma GCC unroll 16
		for (t = 0; t < n; t++) {
			vec factor = v_sllv(v_set(1 << x[t].h[b]), shift);

#pragma GCC unroll 16
			for (p = 0; p < PAIRS; p++)
				sum[t] = w_madd(sum[t],
						v_madd(v_set(0), word(s, block, p),
						       v_pair(x[t].pair + b * PAIRS + p)),
						factor);
		}
	}
#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		w_store(a + t * TILE_ROWS + s.lane, sum[t]);
}
#endif

static __always_inline void mul_vectors(const struct shape s, const struct weights *w, u32 tile,
			const u8 *unpacked, const struct bfp *x, u32 first, u32 n, s64 *a, s64 *z)
{
	const u8 *data = w->data + (u64)tile * TILE_ROWS * w->row_bytes;
	struct input in[VECTORS];
	u32 t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		in[t] = input(x, first + t);
	a += first * TILE_ROWS;
	z += first * TILE_ROWS;
#ifndef UNSIGNED_LANES
	if (!s.words) {
		mul_float(s, data, w->g + (u64)tile * TILE_ROWS * x->n_blocks, x->n_blocks, in, n,
			  a);
		return;
	}
#endif
	if (s.sub)
		mul_k(s, data, unpacked, x->n_blocks, in, n, a, z);
	else
		mul_32(s, data, unpacked, x->n_blocks, in, n, a, z);
}

#if VECTORS > 1
/* Every code of LANES rows, pair by pair. */
static __always_inline void unpack(const struct shape s, const u8 *block, u32 n_blocks, u8 *out)
{
	u32 bytes = (4 * s.words + (s.minima ? 4 : 2)) * TILE_ROWS;
	u32 step = s.sub ? K_BLOCKS : 1;
	u32 i, b, p;

	for (i = 0; i < n_blocks; i += step, block += bytes)
#pragma GCC unroll 16
		for (b = 0; b < step; b++)
#pragma GCC unroll 16
			for (p = 0; p < PAIRS; p++, out += 4 * LANE_WORDS)
				v_store(out + 4 * s.lane, codes(s, block, b, p));
}
#endif

/*
 * All of a tile's product for one type. Vectors go VECTORS at a time, over
 * codes that are unpacked once; those left over go one by one.
 */
static __always_inline void mul_type(struct shape s, const struct weights *w, u32 tile, const struct bfp *x,
		     u32 n_tokens, struct tile_sums out, u8 *buf)
{
	u32 t;

	for (s.lane = 0; s.lane < TILE_ROWS; s.lane += LANES) {
		t = 0;
#if VECTORS > 1
		if (n_tokens >= VECTORS && s.words)
			unpack(s, w->data + (u64)tile * TILE_ROWS * w->row_bytes, x->n_blocks, buf);
		s.unpacked = s.words;
		for (; t + VECTORS <= n_tokens; t += VECTORS)
			mul_vectors(s, w, tile, buf, x, t, VECTORS, out.a, out.z);
		s.unpacked = false;
#endif
		for (; t < n_tokens; t++)
			mul_vectors(s, w, tile, buf, x, t, 1, out.a, out.z);
	}
}

#define TYPE(name, ...) \
	case GGML_TYPE_##name: \
		mul_type((struct shape){ GGML_TYPE_##name, __VA_ARGS__ }, w, tile, x, n_tokens, \
			 out, buf); \
		break

static void tile_mul(const struct weights *w, u32 tile, const struct bfp *x, u32 n_tokens,
		     struct tile_sums out, void *buf)
{
	switch (w->type) {
	/*   words, offset, sub, minima, r, t */
	TYPE(Q4_0, 4, 8, 0, false);
	TYPE(Q4_1, 4, 0, 0, true);
	TYPE(Q5_0, 5, 16, 0, false);
	TYPE(Q5_1, 5, 0, 0, true);
	TYPE(Q8_0, 8, Q8_OFFSET, 0, false);
	TYPE(Q2_K, 20, 0, 16, true, 6, 4);
	TYPE(Q3_K, 27, 4, 16, false, 7);
	TYPE(Q4_K, 35, 0, 32, true, 10, 6);
	TYPE(Q5_K, 43, 0, 32, true, 11, 6);
	TYPE(Q6_K, 52, 32, 16, false, 12);
#ifndef UNSIGNED_LANES
	default:
		mul_type((struct shape){ GGML_TYPE_F16 }, w, tile, x, n_tokens, out, buf);
#endif
	}
}

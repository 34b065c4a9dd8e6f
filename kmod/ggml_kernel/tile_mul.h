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
 *	vec v_sub16(v, w)	of 16-bit halves; where VECTORS is above 1
 *	vec v_and(v, w)  v_or(v, w)  v_add(v, w)  v_sub(v, w)
 *	vec v_madd(acc, v, w)	acc + v.lo * w.lo + v.hi * w.hi, signed 16-bit halves
 *	struct wide w_zero()
 *	struct wide w_madd(acc, v, w)	acc + v * w, 32 x 32 -> 64 bits
 *	vec w_round(w, r)	shift_round(w, r), which must fit in 32 bits
 *	void w_store(p, w)	LANES s64 in order
 *
 * and, where it has better ones than those below,
 *
 *	vec v_at(p)		the s32 at p in each lane
 *	vec v_sll_at(v, p)	shift by the u32 at p
 *	struct wide w_madd_at(acc, v, p)	acc + v * the s64 at p, which fits in 32 bits
 *
 * With BYTE_CODES, dots are those of tile_bytes.h, and its operations are wanted too.
 */
#include "isa.h"
#include "generated/ggml_types.h"

#ifdef UNSIGNED_LANES
#define Q8_OFFSET 128
#else
#define Q8_OFFSET 0
#endif

#ifndef v_at
#define v_at(p) v_set(*(p))
#endif
#ifndef v_sll_at
#define v_sll_at(v, p) v_sll(v, *(p))
#endif
#ifndef w_madd_at
#define w_madd_at(acc, v, p) w_madd(acc, v, v_set(*(p)))
#endif

#define LANE_WORDS TILE_ROWS	/* from one word of a row to its next */
#define PAIRS 16		/* of a 32-block */
#define K_BLOCKS 8		/* 32-blocks of a 256-block */
#ifdef BYTE_CODES
#define CODE_VECTORS 10		/* of an unpacked 32-block: see tile_bytes.h */
#else
#define CODE_VECTORS PAIRS
#endif

/* How a type's codes lie in its words. */
struct shape {
	u32 type;
	u32 words;	/* of a block */
	u32 offset;	/* taken off a code: 0 or a power of two */
	int sub;	/* elements of a sub-block; 0: no sub-blocks */
	bool minima;
	int r, t;	/* rounding shifts */
	u32 lane;	/* the tile's row in the vector's first lane */
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
	const s16 *q;
	const u32 *pair;
	const s32 *sum;
	const s64 *total;
	const u8 *h;
	const u32 *shift;
};

static __always_inline struct input input(const struct bfp *x, u32 token)
{
	size_t block = (size_t)token * x->n_blocks;

	return (struct input){
		.q = x->q + block * BFP_BLOCK,
		.pair = x->pair + block * PAIRS,
		.sum = x->sum + block * 2,
		.total = x->total + block,
		.h = x->h + block,
		.shift = x->shift + block,
	};
}

/* A tile as it lies in the matrix. */
static __always_inline const u8 *tile_data(const struct weights *w, u32 tile)
{
	return w->data + (u64)tile * TILE_ROWS * w->row_bytes;
}

static __always_inline u32 block_bytes(const struct shape s)
{
	return (4 * s.words + (s.minima ? 4 : 2)) * TILE_ROWS;
}

/* Plane D of a block, or N with @n 1. */
static __always_inline vec scale(const struct shape s, const u8 *block, u32 n)
{
	return v_load16(block + 4 * LANE_WORDS * s.words + 2 * (n * TILE_ROWS + s.lane));
}

/*
 * One vector: codes are unpacked on their way into the product.
 */

/* The codes of pairs [p0, p1) of 32-block @b with the vector's block @at, offsets included. */
#ifdef BYTE_CODES
#include "tile_bytes.h"
#else
static __always_inline vec raw_dot(const struct shape s, const u8 *block, u32 b, u32 p0, u32 p1,
				   const struct input *x, size_t at)
{
	vec out = v_set(0);
	u32 p;

#pragma GCC unroll 16
	for (p = p0; p < p1; p++)
		out = v_madd(out, codes(s, block, b, p), v_pair(x->pair + at * PAIRS + p));
	return out;
}
#endif

/* The same without their offset. */
static __always_inline vec dot(const struct shape s, const u8 *block, u32 b, u32 p0, u32 p1,
			       const struct input *x, size_t at)
{
	vec out = raw_dot(s, block, b, p0, p1, x, at);

	if (s.offset) {
		const s32 *half = x->sum + 2 * at;
		vec sum = p1 - p0 == PAIRS ? v_add(v_at(half), v_at(half + 1)) : v_at(half + p0 / 8);

		out = v_sub(out, v_sll(sum, __builtin_ctz(s.offset)));
	}
	return out;
}

/* Sums of a type of 32-blocks. */
static __always_inline void one_32(const struct shape s, const u8 *block, u32 n_blocks,
				   const struct input *x, s64 *a, s64 *z)
{
	struct wide sum = w_zero(), minima = w_zero();
	u32 b;

	for (b = 0; b < n_blocks; b++, block += block_bytes(s)) {
		vec out = dot(s, block, 0, 0, PAIRS, x, b);

		sum = w_madd(sum, out, v_sll_at(scale(s, block, 0), x->shift + b));
		if (s.minima)
			minima = w_madd_at(minima, scale(s, block, 1), x->total + b);
	}
	w_store(a, sum);
	if (s.minima)
		w_store(z, minima);
}

/* Sums of a K-quant. */
static __always_inline void one_k(const struct shape s, const u8 *block, u32 n_blocks,
				  const struct input *x, s64 *a, s64 *z)
{
	struct wide sum = w_zero(), minima = w_zero();
	u32 subs = 32 / s.sub;
	u32 at, b, i;

	for (at = 0; at < n_blocks; at += K_BLOCKS, block += block_bytes(s)) {
		struct wide part = w_zero(), rest = w_zero();

#pragma GCC unroll 8
		for (b = 0; b < K_BLOCKS; b++) {
#pragma GCC unroll 2
			for (i = 0; i < subs; i++) {
				u32 j = b * subs + i;
				vec out = dot(s, block, b, i * PAIRS / subs, (i + 1) * PAIRS / subs,
					      x, at + b);

				part = w_madd(part, out,
					      v_sll_at(sub_scale(s, block, j), x->shift + at + b));
				if (s.minima && subs == 1)
					rest = w_madd_at(rest, sub_minimum(s, block, j),
							 x->total + at + b);
				else if (s.minima)
					rest = w_madd(rest, v_sll_at(sub_minimum(s, block, j),
								     x->shift + at + b),
						      v_at(x->sum + 2 * (at + b) + i));
				barrier();	/* or all words would be loaded first, and spill */
			}
		}
		sum = w_madd(sum, w_round(part, s.r), scale(s, block, 0));
		if (s.minima)
			minima = w_madd(minima, w_round(rest, s.t), scale(s, block, 1));
	}
	w_store(a, sum);
	if (s.minima)
		w_store(z, minima);
}

#ifndef UNSIGNED_LANES
/* Sums of 16-bit codes, whose dots need 64 bits: @n vectors. */
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

			for (p = 0; p < PAIRS; p++)
				sum[t] = w_madd(sum[t],
						v_madd(v_set(0), word(s, block, p),
						       v_pair(x[t].pair + b * PAIRS + p)),
						factor);
		}
	}
#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		w_store(a + t * TILE_ROWS, sum[t]);
}

static __always_inline void float_vectors(const struct shape s, const struct weights *w, u32 tile,
					  const struct bfp *x, u32 first, u32 n, struct tile_sums out)
{
	struct input in[VECTORS];
	u32 t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		in[t] = input(x, first + t);
	mul_float(s, tile_data(w, tile), w->g + (u64)tile * TILE_ROWS * x->n_blocks, x->n_blocks,
		  in, n, out.a + first * TILE_ROWS + s.lane);
}
#endif

static __always_inline void one(const struct shape s, const struct weights *w, u32 tile,
				const struct bfp *x, u32 t, struct tile_sums out)
{
	const struct input in = input(x, t);
	const u8 *data = tile_data(w, tile);
	size_t at = t * TILE_ROWS + s.lane;

	if (s.sub)
		one_k(s, data, x->n_blocks, &in, out.a + at, out.z + at);
	else if (s.words)
		one_32(s, data, x->n_blocks, &in, out.a + at, out.z + at);
#ifndef UNSIGNED_LANES
	else
		float_vectors(s, w, tile, x, t, 1, out);
#endif
}

#if VECTORS > 1
/*
 * Many vectors: the tile is unpacked first. For each 32-block the buffer has
 * CODE_VECTORS vectors of codes without their offset, then the sub-blocks' scales and
 * their minima; so that all types of one sub-block size go the same way.
 */
#ifndef FEW
#define FEW (VECTORS / 2)
#endif

static __always_inline u32 unpacked_bytes(const struct shape s)
{
	u32 subs = s.sub ? 32 / s.sub : 0;

	return 4 * LANE_WORDS * (CODE_VECTORS + subs * (1 + s.minima));
}

#ifndef BYTE_CODES
static __always_inline void unpack_codes(const struct shape s, const u8 *block, u32 b, u8 *out)
{
	vec offset = v_mask(s.offset << 16 | s.offset);
	u32 p;

#pragma GCC unroll 16
	for (p = 0; p < PAIRS; p++, out += 4 * LANE_WORDS)
		v_store(out, v_sub16(codes(s, block, b, p), offset));
}
#endif

static __always_inline void unpack(const struct shape s, const struct weights *w, u32 tile, u32 n_blocks,
				   u8 *out)
{
	const u8 *block = tile_data(w, tile);
	u32 step = s.sub ? K_BLOCKS : 1;
	u32 subs = s.sub ? 32 / s.sub : 0;
	u32 i, b, p;

	out += 4 * s.lane;
	for (i = 0; i < n_blocks; i += step, block += block_bytes(s))
#pragma GCC unroll 8
		for (b = 0; b < step; b++) {
			unpack_codes(s, block, b, out);
			out += 4 * LANE_WORDS * CODE_VECTORS;
#pragma GCC unroll 2
			for (p = 0; p < subs; p++, out += 4 * LANE_WORDS)
				v_store(out, sub_scale(s, block, b * subs + p));
#pragma GCC unroll 2
			for (p = 0; p < subs * s.minima; p++, out += 4 * LANE_WORDS)
				v_store(out, sub_minimum(s, block, b * subs + p));
			barrier();
		}
}

#ifndef BYTE_CODES
/* out[t] = @n_pairs pairs of unpacked codes with block @at of each of @n vectors, from pair @p0. */
static __always_inline void dots(const u8 *unpacked, u32 p0, u32 n_pairs, const struct input *x, u32 n,
				 size_t at, vec *out)
{
	u32 p, t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		out[t] = v_set(0);
#pragma GCC unroll 16
	for (p = p0; p < p0 + n_pairs; p++) {
		vec c = v_load(unpacked + 4 * LANE_WORDS * p);

#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			out[t] = v_madd(out[t], c, v_pair(x[t].pair + at * PAIRS + p));
	}
}
#endif

/* Sums A of a type of 32-blocks. */
static __always_inline void many_32(const struct shape s, const u8 *block, const u8 *unpacked, u32 n_blocks,
				    const struct input *x, u32 n, s64 *a)
{
	struct wide sum[VECTORS];
	vec out[VECTORS];
	u32 b, t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		sum[t] = w_zero();
	for (b = 0; b < n_blocks; b++, block += block_bytes(s), unpacked += unpacked_bytes(s)) {
		vec d = scale(s, block, 0);

		dots(unpacked, 0, PAIRS, x, n, b, out);
#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			sum[t] = w_madd(sum[t], out[t], v_sll_at(d, x[t].shift + b));
	}
#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		w_store(a + t * TILE_ROWS, sum[t]);
}

/* Sums Z of a type of 32-blocks. */
static __always_inline void minima_32(const struct shape s, const u8 *block, u32 n_blocks,
				      const struct input *x, u32 n, s64 *z)
{
	struct wide sum[VECTORS];
	u32 b, t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		sum[t] = w_zero();
	for (b = 0; b < n_blocks; b++, block += block_bytes(s)) {
		vec d = scale(s, block, 1);

#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			sum[t] = w_madd_at(sum[t], d, x[t].total + b);
	}
#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		w_store(z + t * TILE_ROWS, sum[t]);
}

/* Scaled dots of an unpacked 32-block onto @sum. */
static __always_inline void add_subs(const struct shape s, const u8 *unpacked, const struct input *x, u32 n,
				     size_t at, struct wide *sum)
{
	u32 subs = 32 / s.sub;
	vec out[VECTORS];
	u32 i, t;

#pragma GCC unroll 2
	for (i = 0; i < subs; i++) {
		vec scale = v_load(unpacked + 4 * LANE_WORDS * (CODE_VECTORS + i));

		dots(unpacked, i * PAIRS / subs, PAIRS / subs, x, n, at, out);
#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			sum[t] = w_madd(sum[t], out[t], v_sll_at(scale, x[t].shift + at));
		barrier();	/* or both sub-blocks would go at once, and spill */
	}
}

/* Scaled sums of an unpacked 32-block onto @sum. */
static __always_inline void add_minima(const struct shape s, const u8 *unpacked, const struct input *x, u32 n,
				       size_t at, struct wide *sum)
{
	u32 subs = 32 / s.sub;
	u32 i, t;

#pragma GCC unroll 2
	for (i = 0; i < subs; i++) {
		vec scale = v_load(unpacked + 4 * LANE_WORDS * (CODE_VECTORS + subs + i));

#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			if (subs == 1)
				sum[t] = w_madd_at(sum[t], scale, x[t].total + at);
			else
				sum[t] = w_madd(sum[t], v_sll_at(scale, x[t].shift + at),
						v_at(x[t].sum + 2 * at + i));
	}
}

/* Sums A, or Z with @minima, of a K-quant. */
static __always_inline void many_k(const struct shape s, const u8 *block, const u8 *unpacked, u32 n_blocks,
				   const struct input *x, u32 n, s64 *out, bool minima)
{
	struct wide sum[VECTORS], part[VECTORS];
	u32 at, b, t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		sum[t] = w_zero();
	for (at = 0; at < n_blocks; at += K_BLOCKS, block += block_bytes(s)) {
#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			part[t] = w_zero();
#pragma GCC unroll 1
		for (b = 0; b < K_BLOCKS; b++, unpacked += unpacked_bytes(s))
			if (minima)
				add_minima(s, unpacked, x, n, at + b, part);
			else
				add_subs(s, unpacked, x, n, at + b, part);
#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			sum[t] = w_madd(sum[t], w_round(part[t], minima ? s.t : s.r),
					scale(s, block, minima));
	}
#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		w_store(out + t * TILE_ROWS, sum[t]);
}

/* @n vectors from @first on: sums A, or Z with @minima. */
static __always_inline void many(const struct shape s, const struct weights *w, u32 tile, const struct bfp *x,
				 u32 first, u32 n, s64 *out, const u8 *unpacked, bool minima)
{
	const u8 *data = tile_data(w, tile);
	struct input in[VECTORS];
	u32 t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		in[t] = input(x, first + t);
	unpacked += 4 * s.lane;
	out += first * TILE_ROWS + s.lane;
	if (s.sub)
		many_k(s, data, unpacked, x->n_blocks, in, n, out, minima);
	else if (minima)
		minima_32(s, data, x->n_blocks, in, n, out);
	else
		many_32(s, data, unpacked, x->n_blocks, in, n, out);
}

#define BATCH(prefix, name, n, ...) \
static noinline_for_stack void prefix##_z_##name(const struct weights *w, u32 tile, const struct bfp *x, \
						 u32 t, u32 lane, s64 *z, const u8 *buf) \
{ \
	const struct shape s = { GGML_TYPE_##name, __VA_ARGS__, .lane = lane }; \
\
	if (s.minima) \
		many(s, w, tile, x, t, n, z, buf, true); \
} \
static noinline_for_stack void prefix##_##name(const struct weights *w, u32 tile, const struct bfp *x, \
					       u32 t, u32 lane, struct tile_sums out, \
					       const u8 *buf) \
{ \
	const struct shape s = { GGML_TYPE_##name, __VA_ARGS__, .lane = lane }; \
\
	if (s.minima) \
		prefix##_z_##name(w, tile, x, t, lane, out.z, buf); \
	many(s, w, tile, x, t, n, out.a, buf, false); \
}

#define MANY(name, ...) \
BATCH(many, name, VECTORS, __VA_ARGS__) \
BATCH(few, name, FEW, __VA_ARGS__) \
static noinline_for_stack void unpack_##name(const struct weights *w, u32 tile, u32 n_blocks, u32 lane, \
					     u8 *buf) \
{ \
	unpack((struct shape){ GGML_TYPE_##name, __VA_ARGS__, .lane = lane }, w, tile, n_blocks, buf); \
}
#define WAY(name) [GGML_TYPE_##name] = { one_##name, many_##name, few_##name, unpack_##name }
#else
#define FEW 1
#define MANY(name, ...)
#define WAY(name) [GGML_TYPE_##name] = { one_##name }
#endif

/* Functions of their own for each type, so that frames stay small. */
#define ONE(name, ...) \
static noinline_for_stack void one_##name(const struct weights *w, u32 tile, const struct bfp *x, u32 t, \
					  u32 lane, struct tile_sums out) \
{ \
	one((struct shape){ GGML_TYPE_##name, __VA_ARGS__, .lane = lane }, w, tile, x, t, out); \
}

#define TYPE(name, ...) \
ONE(name, __VA_ARGS__) \
MANY(name, __VA_ARGS__)

/*   words, offset, sub, minima, r, t */
TYPE(Q4_0, 4, 8, 0, false)
TYPE(Q4_1, 4, 0, 0, true)
TYPE(Q5_0, 5, 16, 0, false)
TYPE(Q5_1, 5, 0, 0, true)
TYPE(Q8_0, 8, Q8_OFFSET, 0, false)
TYPE(Q2_K, 20, 0, 16, true, 6, 4)
TYPE(Q3_K, 27, 4, 16, false, 7)
TYPE(Q4_K, 35, 0, 32, true, 10, 6)
TYPE(Q5_K, 43, 0, 32, true, 11, 6)
TYPE(Q6_K, 52, 32, 16, false, 12)
#ifndef UNSIGNED_LANES
ONE(F16, 0)	/* and the other floats */
#endif
#undef TYPE

/* How to multiply a type. */
struct way {
	void (*one)(const struct weights *w, u32 tile, const struct bfp *x, u32 t, u32 lane,
		    struct tile_sums out);
	void (*many)(const struct weights *w, u32 tile, const struct bfp *x, u32 t, u32 lane,
		     struct tile_sums out, const u8 *buf);
	void (*few)(const struct weights *w, u32 tile, const struct bfp *x, u32 t, u32 lane,
		    struct tile_sums out, const u8 *buf);
	void (*unpack)(const struct weights *w, u32 tile, u32 n_blocks, u32 lane, u8 *buf);
};

static const struct way ways[] = {
	WAY(Q4_0), WAY(Q4_1), WAY(Q5_0), WAY(Q5_1), WAY(Q8_0),
	WAY(Q2_K), WAY(Q3_K), WAY(Q4_K), WAY(Q5_K), WAY(Q6_K),
#ifndef UNSIGNED_LANES
	[GGML_TYPE_F32] = { one_F16 },
	[GGML_TYPE_F16] = { one_F16 },
	[GGML_TYPE_BF16] = { one_F16 },
#endif
};

/*
 * Vectors go VECTORS at a time, or FEW; the last ones along with some that
 * were done before, whose sums come out the same.
 */
static void tile_mul(const struct weights *w, u32 tile, const struct bfp *x, u32 n_tokens,
		     struct tile_sums out, void *buf)
{
	const struct way *way = &ways[w->type];
	u32 lane, t;

	for (lane = 0; lane < TILE_ROWS; lane += LANES) {
		if (!way->many || n_tokens < FEW) {
			for (t = 0; t < n_tokens; t++)
				way->one(w, tile, x, t, lane, out);
			continue;
		}
		way->unpack(w, tile, x->n_blocks, lane, buf);
		for (t = 0; t + VECTORS <= n_tokens; t += VECTORS)
			way->many(w, tile, x, t, lane, out, buf);
		for (; t < n_tokens; t += FEW)
			way->few(w, tile, x, min(t, n_tokens - FEW), lane, out, buf);
	}
}

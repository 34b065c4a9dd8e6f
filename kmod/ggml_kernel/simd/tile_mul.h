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
 *	UNPACK_FROM(type)	vectors that unpacking before their products pays for, no more than
 *				the self-test's; where it is 4 or less, fewer go one by one
 *	FETCH_BLOCKS		1: blocks of 32 are fetched ahead, too
 *
 * With BYTE_CODES, dots are those of tile_bytes.h, and its operations are wanted too; with
 * RAW_QUADS or HALF_QUADS, dots of codes that were not unpacked before with up to
 * QUAD_VECTORS vectors. With ROW_PAIRS besides BYTE_CODES, many
 * vectors go two at a time.
 */
#include "arithmetic/block_type.h"
#include "arithmetic/path.h"
#include "file/generated/ggml_types.h"

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

#ifndef UNPACK_FROM
#define UNPACK_FROM(type) 16
#endif
#ifndef FETCH_BLOCKS
#define FETCH_BLOCKS 0
#endif

#define LANE_WORDS TILE_ROWS	/* from one word of a row to its next */
#define PAIRS 16		/* of a 32-block */
#define K_BLOCKS 8		/* 32-blocks of a 256-block */
#define AHEAD (16 << 10)	/* bytes: what a second-level cache has room for */
#ifdef ROW_PAIRS
#define CODE_VECTORS 8
#elif defined(BYTE_CODES)
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
	size_t lane;	/* the tile's row in the vector's first lane */
	bool unpacked;	/* codes were unpacked before */
};

/* Word @i of the vector's rows; @block is that of its first one. */
static __always_inline vec word(const u8 *block, u32 i)
{
	return v_load(block + 4 * LANE_WORDS * (size_t)i);
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
		return field(word(block, m % 4), byte + 4 * (m / 4), 15);
	case GGML_TYPE_Q5_0:
	case GGML_TYPE_Q5_1:
		/* Bit i of word 0 is the fifth bit of element i; here i and i + 2 are wanted. */
		w = word(block, 0);
		v = v_or(v_and(v_srl(w, 4 * m + p % 2), v_set(1)),
			 v_sll(v_and(v_srl(w, 4 * m + p % 2 + 2), v_set(1)), 16));
		return v_or(field(word(block, 1 + m % 4), byte + 4 * (m / 4), 15), v_sll(v, 4));
	case GGML_TYPE_Q8_0:
#ifdef UNSIGNED_LANES
		return field(v_xor(word(block, m), v_mask(0x80808080)), byte, 255);
#else
		w = word(block, m);
		return v_sra16(p % 2 ? w : v_sll16(w, 8), 8);
#endif
	case GGML_TYPE_Q2_K:
		return field(word(block, 4 + 8 * half + m), byte + 2 * plane, 3);
	case GGML_TYPE_Q3_K:
		return v_or(field(word(block, 8 + 8 * half + m), byte + 2 * plane, 3),
			    v_sll(field(word(block, m), byte + b, 1), 2));
	case GGML_TYPE_Q4_K:
		return field(word(block, 3 + 8 * (b / 2) + m), byte + 4 * (b % 2), 15);
	case GGML_TYPE_Q5_K:
		return v_or(field(word(block, 11 + 8 * (b / 2) + m), byte + 4 * (b % 2), 15),
			    v_sll(field(word(block, 3 + m), byte + b, 1), 4));
	case GGML_TYPE_Q6_K:
		return v_or(field(word(block, 16 * half + 8 * (plane % 2) + m),
				  byte + 4 * (plane / 2), 15),
			    v_sll(field(word(block, 32 + 8 * half + m), byte + 2 * plane, 3), 4));
	default:	/* floats */
		return word(block, p);
	}
}

/* @n bits from bit @bit of byte @i, of words from @first on. */
static __always_inline vec scale_bits(const struct shape s, const u8 *block, u32 first, u32 i, u32 bit, u32 n)
{
	return v_and(v_srl(word(block, first + i / 4), 8 * (i % 4) + bit), v_mask((1 << n) - 1));
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
		return v_byte(word(block, 48 + j / 4), 8 * (j % 4));
	default:
		return scale_k4(s, block, j, false);
	}
}

static __always_inline vec sub_minimum(const struct shape s, const u8 *block, u32 j)
{
	return s.type == GGML_TYPE_Q2_K ? scale_bits(s, block, 0, j, 4, 4) :
					  scale_k4(s, block, j, true);
}

/* The parts of a vector that the product of a tile reads. */
struct input {
	const s16 *q;
	const u32 *pair;
	const u8 *hi;
	const u8 *lo;
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
		.hi = x->hi + block * BFP_BLOCK,
		.lo = x->lo + block * BFP_BLOCK,
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

/*
 * Ask for part @i of @n of the block that lies AHEAD: processors foresee one stream,
 * but not a K-quant's several ones, and some not far enough. Behind the tile lies the
 * next one.
 */
static __always_inline void fetch_ahead(const struct shape s, const u8 *block, u32 i, u32 n)
{
	u32 lines = (block_bytes(s) + 63) / 64, line;

#pragma GCC unroll 16
	for (line = lines * i / n; line < lines * (i + 1) / n; line++)
		__builtin_prefetch(block + AHEAD + 64 * line, 0, 2);
}

/* Plane D of a block, or N with @n 1. */
static __always_inline vec scale(const struct shape s, const u8 *block, u32 n)
{
	return v_load16(block + 4 * LANE_WORDS * s.words + 2 * n * TILE_ROWS - 2 * s.lane);
}

/*
 * Codes are unpacked on their way into the products of a few vectors, or
 * before those of many: then a buffer has, for each 32-block, CODE_VECTORS vectors of
 * codes without their offset, the sub-blocks' scales, and their minima.
 */
static __always_inline u32 n_subs(const struct shape s)
{
	return s.sub ? 32 / s.sub : 0;
}

static __always_inline u32 unpacked_bytes(const struct shape s)
{
	return 4 * LANE_WORDS * (CODE_VECTORS + n_subs(s) * (1 + s.minima));
}

/* Vector @i of an unpacked 32-block. */
static __always_inline vec unpacked_at(const u8 *unpacked, u32 i)
{
	return v_load(unpacked + 4 * LANE_WORDS * i);
}

static __always_inline vec scale_at(const struct shape s, const u8 *block, const u8 *unpacked, u32 b, u32 i)
{
	return s.unpacked ? unpacked_at(unpacked, CODE_VECTORS + i) : sub_scale(s, block, b * n_subs(s) + i);
}

static __always_inline vec minimum_at(const struct shape s, const u8 *block, const u8 *unpacked, u32 b, u32 i)
{
	return s.unpacked ? unpacked_at(unpacked, CODE_VECTORS + n_subs(s) + i) :
			    sub_minimum(s, block, b * n_subs(s) + i);
}

#if defined(BYTE_CODES) || defined(RAW_QUADS) || defined(HALF_QUADS)
#include "simd/tile_bytes.h"
#endif
#ifndef BYTE_CODES
/* out[t] = the codes of pairs [p0, p1), still with their offset, with block @at of each of @n vectors. */
static __always_inline void raw_dots(const struct shape s, const u8 *block, u32 b, u32 p0, u32 p1,
				     const struct input *x, u32 n, size_t at, vec *out)
{
	u32 p, t;

#if defined(RAW_QUADS) || defined(HALF_QUADS)
	if (s.type != GGML_TYPE_Q8_0 && n <= QUAD_VECTORS) {
		quad_dots(s, block, b, p0, p1, x, n, at, out);
		return;
	}
#endif
#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		out[t] = v_set(0);
#pragma GCC unroll 16
	for (p = p0; p < p1; p++) {
		vec c = codes(s, block, b, p);

#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			out[t] = v_madd(out[t], c, v_pair(x[t].pair + at * PAIRS + p));
	}
}

/* The same of unpacked codes, which have no offset. */
static __always_inline void unpacked_dots(const u8 *unpacked, u32 p0, u32 p1, const struct input *x, u32 n,
					  size_t at, vec *out)
{
	u32 p, t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		out[t] = v_set(0);
#pragma GCC unroll 16
	for (p = p0; p < p1; p++) {
		vec c = unpacked_at(unpacked, p);

#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			out[t] = v_madd(out[t], c, v_pair(x[t].pair + at * PAIRS + p));
	}
}

#if VECTORS > 1
static __always_inline void unpack_codes(const struct shape s, const u8 *block, u32 b, u8 *out)
{
	vec offset = v_mask(s.offset << 16 | s.offset);
	u32 p;

#pragma GCC unroll 16
	for (p = 0; p < PAIRS; p++, out += 4 * LANE_WORDS)
		v_store(out, v_sub16(codes(s, block, b, p), offset));
}
#endif
#endif

/* out[t] = the codes of pairs [p0, p1) of 32-block @b with block @at of each of @n vectors. */
static __always_inline void dots(const struct shape s, const u8 *block, const u8 *unpacked, u32 b, u32 p0,
				 u32 p1, const struct input *x, u32 n, size_t at, vec *out)
{
	u32 t;

	if (s.unpacked) {
		unpacked_dots(unpacked, p0, p1, x, n, at, out);
		return;
	}
	raw_dots(s, block, b, p0, p1, x, n, at, out);
	if (!s.offset)
		return;
#pragma GCC unroll 16
	for (t = 0; t < n; t++) {
		const s32 *half = x[t].sum + 2 * at;
		vec sum = p1 - p0 == PAIRS ? v_add(v_at(half), v_at(half + 1)) : v_at(half + p0 / 8);

		out[t] = v_sub(out[t], v_sll(sum, __builtin_ctz(s.offset)));
	}
}

/* Sums A of a type of 32-blocks. */
static __always_inline void mul_32(const struct shape s, const u8 *block, const u8 *unpacked, u32 n_blocks,
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

		if (FETCH_BLOCKS && !s.unpacked)
			fetch_ahead(s, block, 0, 1);
		dots(s, block, unpacked, 0, 0, PAIRS, x, n, b, out);
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

/* Scaled dots of 32-block @b onto @sum. */
static __always_inline void add_subs(const struct shape s, const u8 *block, const u8 *unpacked, u32 b,
				     const struct input *x, u32 n, size_t at, struct wide *sum)
{
	u32 subs = n_subs(s);
	vec out[VECTORS];
	u32 i, t;

#pragma GCC unroll 2
	for (i = 0; i < subs; i++) {
		vec scale = scale_at(s, block, unpacked, b, i);

		dots(s, block, unpacked, b, i * PAIRS / subs, (i + 1) * PAIRS / subs, x, n, at, out);
#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			sum[t] = w_madd(sum[t], out[t], v_sll_at(scale, x[t].shift + at));
		barrier();	/* or all words would be loaded first, and spill */
	}
}

/* Scaled sums of 32-block @b onto @sum. */
static __always_inline void add_minima(const struct shape s, const u8 *block, const u8 *unpacked, u32 b,
				       const struct input *x, u32 n, size_t at, struct wide *sum)
{
	u32 i, t;

#pragma GCC unroll 2
	for (i = 0; i < n_subs(s); i++) {
		vec scale = minimum_at(s, block, unpacked, b, i);

#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			if (n_subs(s) == 1)
				sum[t] = w_madd_at(sum[t], scale, x[t].total + at);
			else
				sum[t] = w_madd(sum[t], v_sll_at(scale, x[t].shift + at),
						v_at(x[t].sum + 2 * at + i));
		barrier();
	}
}

static __always_inline void add_block(const struct shape s, const u8 *block, const u8 *unpacked, u32 b,
				      const struct input *x, u32 n, size_t at, struct wide *sum, bool minima)
{
	if (minima)
		add_minima(s, block, unpacked, b, x, n, at, sum);
	else
		add_subs(s, block, unpacked, b, x, n, at, sum);
}

/* Sums A, or Z with @minima, of a K-quant. */
static __always_inline void mul_k(const struct shape s, const u8 *block, const u8 *unpacked, u32 n_blocks,
				  const struct input *x, u32 n, s64 *out, bool minima)
{
	struct wide sum[VECTORS], part[VECTORS];
	size_t at, b;
	u32 t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		sum[t] = w_zero();
	for (at = 0; at < n_blocks; at += K_BLOCKS, block += block_bytes(s)) {
#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			part[t] = w_zero();
		if (s.unpacked) {
#pragma GCC unroll 1
			for (b = 0; b < K_BLOCKS; b++, unpacked += unpacked_bytes(s))
				add_block(s, block, unpacked, b, x, n, at + b, part, minima);
		} else {
#pragma GCC unroll 8
			for (b = 0; b < K_BLOCKS; b++) {
				if (!minima)
					fetch_ahead(s, block, b, K_BLOCKS);
				add_block(s, block, unpacked, b, x, n, at + b, part, minima);
			}
		}
#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			sum[t] = w_madd(sum[t], w_round(part[t], minima ? s.t : s.r),
					scale(s, block, minima));
	}
#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		w_store(out + t * TILE_ROWS, sum[t]);
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
						v_madd(v_set(0), word(block, p),
						       v_pair(x[t].pair + b * PAIRS + p)),
						factor);
		}
	}
#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		w_store(a + t * TILE_ROWS, sum[t]);
}

#endif

/* @n vectors from @first on: sums A, or Z with @minima. */
static __always_inline void mul(const struct shape s, const struct weights *w, u32 tile, const struct bfp *x,
				u32 first, u32 n, s64 *out, const u8 *unpacked, bool minima)
{
	const u8 *data = tile_data(w, tile) + 4 * s.lane;
	struct input in[VECTORS];
	u32 t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		in[t] = input(x, first + t);
	unpacked += 4 * s.lane;
	out += first * TILE_ROWS + s.lane;
	if (s.sub)
		mul_k(s, data, unpacked, x->n_blocks, in, n, out, minima);
	else if (minima)
		minima_32(s, data, x->n_blocks, in, n, out);
	else if (s.words)
		mul_32(s, data, unpacked, x->n_blocks, in, n, out);
#ifndef UNSIGNED_LANES
	else
		mul_float(s, data, w->g + (u64)tile * TILE_ROWS * x->n_blocks, x->n_blocks, in, n, out);
#endif
}

#if VECTORS > 1
static __always_inline void unpack(const struct shape s, const struct weights *w, u32 tile, u32 n_blocks,
				   u8 *out)
{
	const u8 *block = tile_data(w, tile) + 4 * s.lane;
	u32 step = s.sub ? K_BLOCKS : 1;
	u32 i, b, p;

	out += 4 * s.lane;
	for (i = 0; i < n_blocks; i += step, block += block_bytes(s))
#pragma GCC unroll 8
		for (b = 0; b < step; b++) {
			unpack_codes(s, block, b, out);
			out += 4 * LANE_WORDS * CODE_VECTORS;
#pragma GCC unroll 2
			for (p = 0; p < n_subs(s); p++, out += 4 * LANE_WORDS)
				v_store(out, sub_scale(s, block, b * n_subs(s) + p));
#pragma GCC unroll 2
			for (p = 0; p < n_subs(s) * s.minima; p++, out += 4 * LANE_WORDS)
				v_store(out, sub_minimum(s, block, b * n_subs(s) + p));
			barrier();
		}
}
#endif

/* A function for each type and number of vectors, so that frames stay small. */
typedef void mul_fn(const struct weights *w, u32 tile, const struct bfp *x, u32 t, u32 lane,
		    struct tile_sums out, const u8 *buf);

#define MUL(prefix, name, n, is_unpacked, ...) \
static noinline_for_stack void prefix##_z_##name(const struct weights *w, u32 tile, const struct bfp *x, \
						 u32 t, u32 lane, s64 *z, const u8 *buf) \
{ \
	const struct shape s = { \
		GGML_TYPE_##name, __VA_ARGS__, .lane = lane, .unpacked = is_unpacked, \
	}; \
\
	if (s.minima) \
		mul(s, w, tile, x, t, n, z, buf, true); \
} \
static noinline_for_stack void prefix##_##name(const struct weights *w, u32 tile, const struct bfp *x, \
					       u32 t, u32 lane, struct tile_sums out, \
					       const u8 *buf) \
{ \
	const struct shape s = { \
		GGML_TYPE_##name, __VA_ARGS__, .lane = lane, .unpacked = is_unpacked, \
	}; \
\
	mul(s, w, tile, x, t, n, out.a, buf, false); \
	if (s.minima) \
		prefix##_z_##name(w, tile, x, t, lane, out.z, buf); \
}

/* Vectors that go at a time after unpacking: sub-blocks of 16 need more registers. */
#ifdef ROW_PAIRS
#define STEP(type) 2
#else
#define STEP(type) \
	((type) == GGML_TYPE_Q2_K || (type) == GGML_TYPE_Q3_K || (type) == GGML_TYPE_Q6_K ? \
	 (VECTORS + 1) / 2 : VECTORS)
#endif

#define FOUR (VECTORS < 4 ? VECTORS : 4)

#if VECTORS > 1
#define TYPE(name, ...) \
MUL(one, name, 1, false, __VA_ARGS__) \
MUL(two, name, 2, false, __VA_ARGS__) \
MUL(four, name, FOUR, false, __VA_ARGS__) \
MUL(many, name, STEP(GGML_TYPE_##name), true, __VA_ARGS__) \
static noinline_for_stack void unpack_##name(const struct weights *w, u32 tile, u32 n_blocks, u32 lane, \
					     u8 *buf) \
{ \
	unpack((struct shape){ GGML_TYPE_##name, __VA_ARGS__, .lane = lane }, w, tile, n_blocks, buf); \
}
#define FEW(name, fn) (UNPACK_FROM(GGML_TYPE_##name) > 4 ? fn##_##name : NULL)
#define WAY(name) { one_##name, FEW(name, two), FEW(name, four), many_##name, unpack_##name, \
		    STEP(GGML_TYPE_##name), UNPACK_FROM(GGML_TYPE_##name) }
#else
#define TYPE(name, ...) MUL(one, name, 1, false, __VA_ARGS__)
#define WAY(name) { one_##name }
#endif

/* Paths with unsigned lanes take an offset off the signed codes of Q8_0, too. */
#define CODE_OFFSET(type, offset) ((type) == GGML_TYPE_Q8_0 ? Q8_OFFSET : (offset))
#define BLOCK_TYPE(name, words, d, n, sub, r, t, offset) \
	TYPE(name, words, CODE_OFFSET(GGML_TYPE_##name, offset), sub, (n) != LLAMA_NO_FIELD, r, t)

LLAMA_BLOCK_TYPES(BLOCK_TYPE)
#ifndef UNSIGNED_LANES
MUL(one, F16, 1, false, 0)	/* and the other floats */
MUL(four, F16, FOUR, false, 0)
#endif

/* How to multiply a type: some numbers of vectors; many, after unpacking. */
struct way {
	mul_fn *one, *two, *four, *many;
	void (*unpack)(const struct weights *w, u32 tile, u32 n_blocks, u32 lane, u8 *buf);
	u32 step;	/* of many */
	u32 many_from;
};

#define BLOCK_WAY(name, ...) \
	[GGML_TYPE_##name] = WAY(name),

static const struct way ways[] = {
	LLAMA_BLOCK_TYPES(BLOCK_WAY)
#ifndef UNSIGNED_LANES
	[GGML_TYPE_F32] = { one_F16, NULL, four_F16 },
	[GGML_TYPE_F16] = { one_F16, NULL, four_F16 },
	[GGML_TYPE_BF16] = { one_F16, NULL, four_F16 },
#endif
};

/* Ask for part @i of @n of the tile behind @tile, which will be unpacked at once. */
static __always_inline void fetch_next(const struct weights *w, u32 tile, u32 i, u32 n)
{
	const u8 *next = tile_data(w, tile + 1);
	u32 lines = TILE_ROWS * w->row_bytes / 64, line;

	for (line = i * lines / n; line < (i + 1) * lines / n; line++)
		__builtin_prefetch(next + 64 * (size_t)line, 0, 2);
}

static void tile_mul(const struct weights *w, u32 tile, const struct bfp *x, u32 n_tokens,
		     struct tile_sums out, void *buf)
{
	const struct way *way = &ways[w->type];
	u32 lane, t;

	for (lane = 0; lane < TILE_ROWS; lane += LANES) {
		t = 0;
		if (way->many && n_tokens >= way->many_from) {
			way->unpack(w, tile, x->n_blocks, lane, buf);
			for (; t + way->step <= n_tokens; t += way->step) {
				fetch_next(w, tile, t / way->step, n_tokens / way->step);
				way->many(w, tile, x, t, lane, out, buf);
			}
		}
		for (; way->four && t + FOUR <= n_tokens; t += FOUR)
			way->four(w, tile, x, t, lane, out, buf);
		for (; way->two && t + 2 <= n_tokens; t += 2)
			way->two(w, tile, x, t, lane, out, buf);
		for (; t < n_tokens; t++)
			way->one(w, tile, x, t, lane, out, buf);
	}
}

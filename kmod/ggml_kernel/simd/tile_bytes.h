/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Dots of bytes
 *
 * For processors that multiply bytes four by four: each 32-bit word of a tile
 * becomes words of four codes, and activations come as two planes, x =
 * 256 hi + lo. Twice the products, but a quarter of the multiplications and
 * half of the unpacking. Besides those of tile_mul.h the operations are
 *
 *	vec v_bits(v, n, mask)	the bits @mask of each byte from bit n on
 *	vec v_spread(v)		bit 4 of byte i is bit i of the lane, for the lower four
 *	vec v_xor(v, w)
 *	vec v_sub8(v, w)	in each byte
 *	bytes b_high(q)		16 activations' hi, signed
 *	bytes b_low(q)		their lo
 *	vec b_total(x)		the sum of 16 unsigned bytes, in each lane
 *	vec v_dot(acc, v, x, i)	acc + the products of a lane's bytes with bytes 4i to 4i + 3
 *	vec v_udot(acc, v, x, i)	the same of unsigned bytes
 *	vec v_sdot_low(acc, v, x, i)	the same of signed bytes with lo - 128
 *	vec v_total(acc, v)	acc + a lane's signed bytes
 *
 * With ROW_PAIRS, unpacked codes are multiplied two rows by two vectors. Eight elements
 * of two rows, or of two vectors, are 16 bytes. Instead of the last two operations:
 *
 *	vec v_join_first(v, w)	rows 0 to 3 two by two: four codes of v, then four of w
 *	vec v_join_last(v, w)	rows 4 to 7
 *	void b_pairs(x, y, out)	16 bytes of each of two vectors: out[0] and out[1]
 *	vec v_mmla(acc, x, v)	acc + the products of vectors x, signed, with four rows
 *	vec v_usmmla(acc, x, v)	the same of unsigned x
 *	vec v_first(v, w)	of such sums of rows 0 to 3 and 4 to 7, those with the first vector
 *	vec v_last(v, w)	those with the other one
 */
#define QUADS 8		/* of a 32-block */

/* The codes of elements 4 @m to 4 @m + 3 of 32-block @b, still with their offset. */
static __always_inline vec quad(const struct shape s, const u8 *block, u32 b, u32 m)
{
	u32 half = b / 4, plane = b % 4;

	switch (s.type) {
	case GGML_TYPE_Q4_0:
	case GGML_TYPE_Q4_1:
		return v_bits(word(block, m % 4), 4 * (m / 4), 15);
	case GGML_TYPE_Q5_0:
	case GGML_TYPE_Q5_1:
		return v_or(v_bits(word(block, 1 + m % 4), 4 * (m / 4), 15),
			    v_spread(v_srl(word(block, 0), 4 * m)));
	case GGML_TYPE_Q8_0:
		return word(block, m);
	case GGML_TYPE_Q2_K:
		return v_bits(word(block, 4 + 8 * half + m), 2 * plane, 3);
	case GGML_TYPE_Q3_K:
		return v_or(v_bits(word(block, 8 + 8 * half + m), 2 * plane, 3),
			    v_sll(v_bits(word(block, m), b, 1), 2));
	case GGML_TYPE_Q4_K:
		return v_bits(word(block, 3 + 8 * (b / 2) + m), 4 * (b % 2), 15);
	case GGML_TYPE_Q5_K:
		return v_or(v_bits(word(block, 11 + 8 * (b / 2) + m), 4 * (b % 2), 15),
			    v_sll(v_bits(word(block, 3 + m), b, 1), 4));
	default:	/* Q6_K */
		return v_or(v_bits(word(block, 16 * half + 8 * (plane % 2) + m),
				   4 * (plane / 2), 15),
			    v_sll(v_bits(word(block, 32 + 8 * half + m), 2 * plane, 3), 4));
	}
}

#if defined(HALF_QUADS)
/* Quads whose products are summed up in 16 bits before 32 are needed. */
static __always_inline u32 quads_in_halves(const struct shape s)
{
	switch (s.type) {
	case GGML_TYPE_Q6_K:
		return 2;
	case GGML_TYPE_Q5_0:
	case GGML_TYPE_Q5_1:
	case GGML_TYPE_Q5_K:
		return 4;
	default:
		return QUADS;
	}
}

/*
 * out[t] = the codes of pairs [p0, p1), still with their offset, with block @at
 * of each of @n vectors; codes of less than 8 bits. v_halves(acc, v, w) is acc + the
 * products of bytes, those of v unsigned and those of w signed, two by two in 16-bit
 * halves. Sums with lo need all of a half's bits: they begin at -2^15, for which those
 * with hi make up by beginning at 2^7.
 */
static __always_inline void quad_dots(const struct shape s, const u8 *block, u32 b, u32 p0, u32 p1,
				      const struct input *x, u32 n, size_t at, vec *out)
{
	u32 step = min(quads_in_halves(s), (p1 - p0) / 2);
	vec high[VECTORS], low[VECTORS];
	u32 m, i, t;

#pragma GCC unroll 4
	for (m = p0 / 2; m < p1 / 2; m += step) {
#pragma GCC unroll 16
		for (t = 0; t < n; t++) {
			high[t] = v_set16(128);
			low[t] = v_set16(-32768);
		}
#pragma GCC unroll 8
		for (i = m; i < m + step; i++) {
			vec c = quad(s, block, b, i);

#pragma GCC unroll 16
			for (t = 0; t < n; t++) {
				high[t] = v_halves(high[t], c,
						   v_at((const s32 *)(x[t].hi + at * BFP_BLOCK) + i));
				low[t] = v_halves(low[t],
						  v_at((const s32 *)(x[t].lo + at * BFP_BLOCK) + i), c);
			}
		}
#pragma GCC unroll 16
		for (t = 0; t < n; t++) {
			out[t] = m == p0 / 2 ? v_set(0) : out[t];
			out[t] = v_madd(out[t], low[t], v_set16(1));
			out[t] = v_madd(out[t], high[t], v_set16(256));
		}
	}
}
#elif defined(RAW_QUADS)
/*
 * out[t] = the codes of pairs [p0, p1), still with their offset, with block @at
 * of each of @n vectors; codes of less than 8 bits. v_quads(acc, v, w) is acc + the
 * products of a lane's bytes, those of v unsigned and those of w signed.
 */
static __always_inline void quad_dots(const struct shape s, const u8 *block, u32 b, u32 p0, u32 p1,
				      const struct input *x, u32 n, size_t at, vec *out)
{
	vec high[VECTORS];
	u32 m, t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		high[t] = out[t] = v_set(0);
#pragma GCC unroll 8
	for (m = p0 / 2; m < p1 / 2; m++) {
		vec c = quad(s, block, b, m);

#pragma GCC unroll 16
		for (t = 0; t < n; t++) {
			high[t] = v_quads(high[t], c, v_at((const s32 *)(x[t].hi + at * BFP_BLOCK) + m));
			out[t] = v_quads(out[t], v_at((const s32 *)(x[t].lo + at * BFP_BLOCK) + m), c);
		}
	}
#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		out[t] = v_add(out[t], v_sll(high[t], 8));
}
#else
/*
 * out[t] = the codes of pairs [p0, p1), still with their offset, with block @at
 * of each of @n vectors. Codes of Q8_0 are signed: as unsigned ones they are
 * 128 too large.
 */
static __always_inline void raw_dots(const struct shape s, const u8 *block, u32 b, u32 p0, u32 p1,
				     const struct input *x, u32 n, size_t at, vec *out)
{
	bool is_signed = s.type == GGML_TYPE_Q8_0;
	vec high[VECTORS];
	bytes hi[VECTORS], lo[VECTORS];
	u32 half, i, t;

#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		high[t] = out[t] = v_set(0);
#pragma GCC unroll 2
	for (half = p0 / 8; half < p1 / 8; half++) {
#pragma GCC unroll 16
		for (t = 0; t < n; t++) {
			const s16 *q = x[t].q + at * BFP_BLOCK + 16 * half;

			hi[t] = b_high(q);
			lo[t] = b_low(q);
		}
#pragma GCC unroll 4
		for (i = 0; i < 4; i++) {
			vec c = quad(s, block, b, 4 * half + i);
			vec raised = is_signed ? v_xor(c, v_mask(0x80808080)) : c;

#pragma GCC unroll 16
			for (t = 0; t < n; t++) {
				high[t] = v_dot(high[t], c, hi[t], i);
				out[t] = v_udot(out[t], raised, lo[t], i);
			}
		}
#pragma GCC unroll 16
		for (t = 0; t < n; t++)
			if (is_signed)
				out[t] = v_sub(out[t], v_sll(b_total(lo[t]), 7));
	}
#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		out[t] = v_add(out[t], v_sll(high[t], 8));
}

#ifdef ROW_PAIRS
/* Unpacked codes lie in rows two by two, eight elements of each. */
static __always_inline void unpack_codes(const struct shape s, const u8 *block, u32 b, u8 *out)
{
	vec offset = v_mask(s.offset * 0x01010101);
	u32 i;

#pragma GCC unroll 4
	for (i = 0; i < QUADS; i += 2) {
		vec v = v_sub8(quad(s, block, b, i), offset);
		vec w = v_sub8(quad(s, block, b, i + 1), offset);

		v_store(out + 4 * LANE_WORDS * i, v_join_first(v, w));
		v_store(out + 4 * LANE_WORDS * (i + 1), v_join_last(v, w));
	}
}

/* The same of unpacked codes, which have no offset, with two vectors. */
static __always_inline void unpacked_dots(const u8 *unpacked, u32 p0, u32 p1, const struct input *x,
					  u32 n, size_t at, vec *out)
{
	bytes hi[QUADS / 2], lo[QUADS / 2];
	vec sum[2];
	u32 i, rows;

#pragma GCC unroll 4
	for (i = p0 / 2; i < p1 / 2; i += 4) {
		size_t first = at * BFP_BLOCK + 4 * i;

		b_pairs(x[0].hi + first, x[1].hi + first, &hi[i / 2]);
		b_pairs(x[0].lo + first, x[1].lo + first, &lo[i / 2]);
	}
#pragma GCC unroll 2
	for (rows = 0; rows < 2; rows++) {
		sum[rows] = v_set(0);
#pragma GCC unroll 4
		for (i = p0 / 2; i < p1 / 2; i += 2)
			sum[rows] = v_mmla(sum[rows], hi[i / 2], unpacked_at(unpacked, i + rows));
	}
#pragma GCC unroll 2
	for (rows = 0; rows < 2; rows++) {
		sum[rows] = v_sll(sum[rows], 8);
#pragma GCC unroll 4
		for (i = p0 / 2; i < p1 / 2; i += 2)
			sum[rows] = v_usmmla(sum[rows], lo[i / 2], unpacked_at(unpacked, i + rows));
	}
	out[0] = v_first(sum[0], sum[1]);
	out[1] = v_last(sum[0], sum[1]);
}
#else
/*
 * Unpacked codes are signed for all types, so lo has to be too: it is taken as
 * lo - 128, and 128 times the codes' sum of each half block lies behind them.
 */
static __always_inline void unpack_codes(const struct shape s, const u8 *block, u32 b, u8 *out)
{
	vec offset = v_mask(s.offset * 0x01010101);
	u32 half, i;

#pragma GCC unroll 2
	for (half = 0; half < 2; half++) {
		vec total = v_set(0);

#pragma GCC unroll 4
		for (i = 4 * half; i < 4 * half + 4; i++) {
			vec c = v_sub8(quad(s, block, b, i), offset);

			v_store(out + 4 * LANE_WORDS * i, c);
			total = v_total(total, c);
		}
		v_store(out + 4 * LANE_WORDS * (QUADS + half), v_sll(total, 7));
	}
}

/* The same of unpacked codes, which have no offset. */
static __always_inline void unpacked_dots(const u8 *unpacked, u32 p0, u32 p1, const struct input *x,
					  u32 n, size_t at, vec *out)
{
	vec high[VECTORS];
	bytes hi[VECTORS], lo[VECTORS];
	u32 half, i, t;

#pragma GCC unroll 2
	for (half = p0 / 8; half < p1 / 8; half++) {
		vec total = v_load(unpacked + 4 * LANE_WORDS * (QUADS + half));

#pragma GCC unroll 16
		for (t = 0; t < n; t++) {
			const s16 *q = x[t].q + at * BFP_BLOCK + 16 * half;

			hi[t] = b_high(q);
			lo[t] = b_low(q);
			if (half == p0 / 8)
				high[t] = v_set(0);
			out[t] = half == p0 / 8 ? total : v_add(out[t], total);
		}
#pragma GCC unroll 4
		for (i = 0; i < 4; i++) {
			vec c = v_load(unpacked + 4 * LANE_WORDS * (4 * half + i));

#pragma GCC unroll 16
			for (t = 0; t < n; t++) {
				high[t] = v_dot(high[t], c, hi[t], i);
				out[t] = v_sdot_low(out[t], c, lo[t], i);
			}
		}
	}
#pragma GCC unroll 16
	for (t = 0; t < n; t++)
		out[t] = v_add(out[t], v_sll(high[t], 8));
}
#endif
#endif

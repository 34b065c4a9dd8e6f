/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Loops over vectors, once for every instruction set
 *
 * Plain C that compilers vectorize: no branch in an inner loop, products of
 * 32-bit factors, and shifts to the right without a sign where the
 * instruction set has no others (LOGICAL_SHIFTS). What gcc does not
 * vectorize, shifts by the element, is written in vectors of VECTOR_BYTES.
 * An instruction set's file defines these and VECTOR_OPS, the name of its
 * struct vector_ops, and includes this.
 */
#include "arithmetic/attention.h"
#include "arithmetic/vector.h"

#define CODE_BITS 15
#define CODE_MAX 32767

/* @v / 2^@s to the nearest, halves upwards. |v| below 2^62, @s from 0 to 62. */
static __always_inline s64 round_right(s64 v, u64 s)
{
	s64 half = (1LL << s) >> 1;

#ifdef LOGICAL_SHIFTS
	const u64 bias = 1ULL << 62;

	return (s64)(((u64)v + bias + half) >> s) - (s64)(bias >> s);
#else
	return (v + half) >> s;
#endif
}

#ifdef VECTOR_BYTES
#define lanes s64 __attribute__((vector_size(VECTOR_BYTES)))
#define unsigned_lanes u64 __attribute__((vector_size(VECTOR_BYTES)))
#else
#define lanes s64
#define unsigned_lanes u64
#endif
#define N_LANES (sizeof(lanes) / sizeof(s64))

/* The built-in, since files with intrinsics are compiled as freestanding. */
static __always_inline unsigned_lanes load_lanes(const void *p)
{
	unsigned_lanes v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static __always_inline void store_lanes(void *p, unsigned_lanes v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

/* round_right() of lanes. */
static __always_inline unsigned_lanes round_lanes(unsigned_lanes v, unsigned_lanes s)
{
	unsigned_lanes half = (((unsigned_lanes){ 0 } + 1) << s) >> 1;
#ifdef LOGICAL_SHIFTS
	unsigned_lanes bias = (unsigned_lanes){ 0 } + (1ULL << 62);

	return ((v + bias + half) >> s) - (bias >> s);
#else
	return (unsigned_lanes)((lanes)(v + half) >> (lanes)s);
#endif
}

/* round_right() of whole lanes: @y = @v / 2^@shift, (n,) each, filled up to N_LANES. */
static __always_inline void round_each(const s64 *v, const s64 *shift, u32 n, s64 *y)
{
	u32 i;

	for (i = 0; i < n; i += N_LANES)
		store_lanes(y + i, round_lanes(load_lanes(v + i), load_lanes(shift + i)));
}

#ifdef VECTOR_BYTES
#define words u32 __attribute__((vector_size(VECTOR_BYTES)))
#define N_WORDS (sizeof(words) / sizeof(u32))

/* Products of lanes' lower 32 bits; llama_exp2_table at words. Instruction sets may replace these. */
#ifndef mul_lanes
#define mul_lanes(a, b) (((a) & U32_MAX) * ((b) & U32_MAX))
#endif

#ifndef exp2_at
static __always_inline words exp2_at(words i)
{
	words v;
	u32 k;

#pragma GCC unroll 16
	for (k = 0; k < N_WORDS; k++)
		v[k] = llama_exp2_table[i[k]];
	return v;
}
#endif

/* @table times 2^(-f / 2^20), of the lower halves of lanes. */
static __always_inline unsigned_lanes exp2_part(unsigned_lanes table, unsigned_lanes f)
{
	unsigned_lanes u = mul_lanes(f, (unsigned_lanes){ 0 } + LN2_Q30) >> 20;

	return mul_lanes(table, Q30_ONE - u + (mul_lanes(u, u) >> 31)) >> 30;
}

/* llama_exp2_neg() of words up to 31 << 20. */
static __always_inline words exp2_words(words x)
{
	unsigned_lanes table = (unsigned_lanes)exp2_at((x >> 14) & 63);
	unsigned_lanes f = (unsigned_lanes)(x & 16383);
	unsigned_lanes even = exp2_part(table, f), odd = exp2_part(table >> 32, f >> 32);

	return (words)(even | odd << 32) >> (x >> 20);
}
/* llama_sigmoid_from_exp() of the lower halves of lanes. */
static __always_inline unsigned_lanes sigmoid_part(unsigned_lanes e)
{
	const unsigned_lanes zero = { 0 };
	unsigned_lanes d = (e & U32_MAX) + Q30_ONE;
	unsigned_lanes r = zero + RECIPROCAL_C0_Q30 - (mul_lanes(d, zero + RECIPROCAL_C1_Q30) >> 30);
	u32 i;

#pragma GCC unroll 3
	for (i = 0; i < 3; i++)
		r = mul_lanes(r, (1ULL << 31) - (mul_lanes(d, r) >> 30)) >> 30;
	return r;
}

/* The sigmoid of gates. @e: llama_exp2_neg() of their magnitudes; @below: bits where a gate is negative. */
static __always_inline words sigmoid_words(words e, words below)
{
	unsigned_lanes even = sigmoid_part((unsigned_lanes)e), odd = sigmoid_part((unsigned_lanes)e >> 32);
	words above = (words)(even | odd << 32);

	even = mul_lanes((unsigned_lanes)e, even) >> 30;
	odd = mul_lanes((unsigned_lanes)e >> 32, odd) >> 30;
	return (above & ~below) | ((words)(even | odd << 32) & below);
}
#else
#define N_WORDS 1
#endif

#define EXP2_EACH 64	/* elements; a whole number of words */

/* llama_exp2_neg() of @n <= EXP2_EACH elements, in place; the vector's elements behind them are lost. */
static __always_inline void exp2_each(u32 *x, u32 n)
{
	u32 i;

	for (i = n; i % N_WORDS; i++)
		x[i] = 0;
#ifdef VECTOR_BYTES
	for (i = 0; i < n; i++)
		x[i] = min(x[i], 31u << 20);
	for (i = 0; i < n; i += N_WORDS) {
		words v;

		__builtin_memcpy(&v, x + i, sizeof(v));
		v = exp2_words(v);
		__builtin_memcpy(x + i, &v, sizeof(v));
	}
#else
	for (i = 0; i < n; i++)
		x[i] = exp2_neg_wide(x[i]);
#endif
}

static __always_inline s64 mul_wide(s32 a, s32 b)
{
	return (s64)a * b;
}

/* Bits of the largest magnitude. */
static __always_inline int bits_of(const s64 *v, u32 n)
{
	u64 bits = 0;
	u32 i;

	for (i = 0; i < n; i++) {
		s64 sign = v[i] < 0 ? -1 : 0;

		bits |= (u64)((v[i] ^ sign) - sign);
	}
	return bit_length(bits);
}

static int normalize(const s64 *v, u32 n, s32 *a)
{
	int s = max(bits_of(v, n) - 30, 0);
	u32 i;

	for (i = 0; i < n; i++)
		a[i] = round_right(v[i], s);
	return s;
}

/* Codes of @n elements: no magnitude passes 2^15 by more than the rounding. */
static __always_inline void codes(const s64 *v, u32 n, int s, s16 *q)
{
	u32 i;

	for (i = 0; i < n; i++) {
		s32 c = round_right(v[i], s);

		q[i] = clamp_t(s32, c, -CODE_MAX, CODE_MAX);
	}
}

static int quantize_into(const s64 *v, u32 n, int e, s16 *q, u8 *h)
{
	u32 whole = n / BFP_BLOCK, rest = n % BFP_BLOCK;
	int shift, lowest, most = 0;
	u32 b;

	for (b = 0; b < whole; b++) {
		h[b] = bits_of(v + b * BFP_BLOCK, BFP_BLOCK);
		most = max_t(int, most, h[b]);
	}
	if (rest) {
		h[b] = bits_of(v + b * BFP_BLOCK, rest);
		most = max_t(int, most, h[b]);
	}
	shift = max(most - CODE_BITS, 0);
	lowest = max(shift - BFP_MAX_SHIFT, 0);
	for (b = 0; b < whole; b++) {
		int s = clamp_t(int, h[b] - CODE_BITS, lowest, shift);

		codes(v + b * BFP_BLOCK, BFP_BLOCK, s, q + b * BFP_BLOCK);
		h[b] = s - shift + BFP_MAX_SHIFT;
	}
	if (rest) {
		int s = clamp_t(int, h[b] - CODE_BITS, lowest, shift);

		codes(v + b * BFP_BLOCK, rest, s, q + b * BFP_BLOCK);
		h[b] = s - shift + BFP_MAX_SHIFT;
	}
	return e + shift - BFP_MAX_SHIFT;
}

static void quantize(struct bfp *x, u32 token, const s64 *v, int e)
{
	size_t block = (size_t)token * x->n_blocks;
	s16 *q = x->q + block * BFP_BLOCK;
	u8 *hi = x->hi + block * BFP_BLOCK, *lo = x->lo + block * BFP_BLOCK;
	s16 *pair = (s16 *)(x->pair + block * (BFP_BLOCK / 2));
	s32 *sum = x->sum + block * 2;
	u32 n = x->n_blocks * BFP_BLOCK;
	u32 i, j;

	x->e[token] = quantize_into(v, x->n, e, q, x->h + block);
	for (i = x->n; i < n; i++)
		q[i] = 0;
	for (i = 0; i < n; i += BFP_BLOCK / 2) {
		const s16 *half = q + i;
		s32 total = 0;

		for (j = 0; j < BFP_BLOCK / 2; j++)
			total += half[j];
		*sum++ = total;
	}
	sum = x->sum + block * 2;
	for (i = 0; i < x->n_blocks; i++) {
		x->shift[block + i] = x->h[block + i];
		x->total[block + i] = (s64)(sum[2 * i] + sum[2 * i + 1]) * (1 << x->h[block + i]);
	}
	for (i = 0; i < n; i++) {
		hi[i] = q[i] >> 8;
		lo[i] = q[i];
	}
	/* Swap the middle two of each four. */
	for (i = 0; i < n; i += 4 * N_LANES) {
		unsigned_lanes four = load_lanes(q + i);

		store_lanes(pair + i, (four & 0xffff00000000ffff) |
						((four >> 16) & 0xffff0000) |
						((four & 0xffff0000) << 16));
	}
}

static int quantize1(const s64 *v, u32 n, int e, s16 *q)
{
	int s = max(bits_of(v, n) - CODE_BITS, 0);

	codes(v, n, s, q);
	return e + s;
}

static void rmsnorm(struct bfp *x, u32 token, const q32 *v, const s32 *w, int e_w,
		    struct float_parts eps, const struct vector_tmp *tmp)
{
	int shift = normalize(v, x->n, tmp->a);
	int e = eps.e + 50 - 2 * shift;
	u64 mean = 0;
	s32 inv;
	int j;
	u32 i;

	for (i = 0; i < x->n; i++) {
		s32 b = (tmp->a[i] + 64) >> 7;

		mean += mul_wide(b, b);
	}
	mean /= x->n;
	if (e >= 0)
		mean += (u64)eps.m << e;
	else if (e > -64)
		mean += (u64)eps.m >> -e;
	mean = max_t(u64, mean, 1);
	j = (64 - bit_length(mean)) / 2;
	inv = (1LL << 61) / llama_isqrt(mean << (2 * j));
	for (i = 0; i < x->n; i++) {
		s32 y = round_right(mul_wide(tmp->a[i], inv), 30);

		tmp->wide[i] = mul_wide(y, w[i]);
	}
	quantize(x, token, tmp->wide, j - 38 + e_w);
}

/*
 * The sigmoid of @n up to EXP2_EACH gate values, Q32 to Q30. Signs are those of @a, the
 * values normalized: one that has lost its sign is zero, and so is its product.
 */
static __always_inline void gates(const q32 *gate, const s32 *a, u32 n, u32 *y)
{
	u32 i;

	for (i = 0; i < n; i++) {
		u64 sign = gate[i] < 0 ? -1 : 0;
		u64 size = min(((u64)gate[i] ^ sign) - sign, 1ULL << 37);

		y[i] = (u64)(u32)(size >> 6) * LOG2E_Q30 >> 36;
	}
	exp2_each(y, n);
#ifdef VECTOR_BYTES
	for (i = 0; i < n; i += N_WORDS) {
		s32 below[N_WORDS] = { 0 };
		words v, mask;
		u32 k;

		for (k = 0; k < min(n - i, (u32)N_WORDS); k++)
			below[k] = a[i + k] >> 31;
		__builtin_memcpy(&v, y + i, sizeof(v));
		__builtin_memcpy(&mask, below, sizeof(mask));
		v = sigmoid_words(v, mask);
		__builtin_memcpy(y + i, &v, sizeof(v));
	}
#else
	for (i = 0; i < n; i++) {
		u32 r = sigmoid_wide(y[i]);

		y[i] = a[i] < 0 ? (u64)y[i] * r >> 30 : r;
	}
#endif
}

static __always_inline void swiglu_part(const q32 *gate, const s32 *a, const s32 *b, u32 n, s64 *out)
{
	u32 sigmoid[EXP2_EACH];
	u32 i;

	gates(gate, a, n, sigmoid);
	for (i = 0; i < n; i++) {
		s32 y = round_right(mul_wide(a[i], sigmoid[i]), 30);

		out[i] = mul_wide(y, b[i]);
	}
}

static void swiglu(struct bfp *x, u32 token, const q32 *gate, const q32 *up,
		   const struct vector_tmp *tmp)
{
	int s_gate = normalize(gate, x->n, tmp->a);
	int s_up = normalize(up, x->n, tmp->b);
	u32 i;

	for (i = 0; i + EXP2_EACH <= x->n; i += EXP2_EACH)
		swiglu_part(gate + i, tmp->a + i, tmp->b + i, EXP2_EACH, tmp->wide + i);
	if (i < x->n)
		swiglu_part(gate + i, tmp->a + i, tmp->b + i, x->n - i, tmp->wide + i);
	quantize(x, token, tmp->wide, s_gate + s_up - 64);
}

static int rotate(const q32 *head, u32 dim, u32 n_rot, const q30 *sin, const q30 *cos,
		  const struct vector_tmp *tmp)
{
	int shift = normalize(head, dim, tmp->a);
	u32 i;

	for (i = 0; i < n_rot / 2; i++) {
		s32 a = tmp->a[2 * i], b = tmp->a[2 * i + 1];

		tmp->wide[2 * i] = round_right(mul_wide(a, cos[i]) - mul_wide(b, sin[i]), 30);
		tmp->wide[2 * i + 1] = round_right(mul_wide(a, sin[i]) + mul_wide(b, cos[i]), 30);
	}
	for (i = n_rot; i < dim; i++)
		tmp->wide[i] = tmp->a[i];
	return shift - 32;
}

/* See round_right(); @s may be any number from 1 on. */
static __always_inline s64 round_far(s64 v, s32 s)
{
	s64 y = round_right(v, min(s, 62));

	return s > 62 ? 0 : y;
}

/* Least and greatest of exponents. */
struct exponents {
	int least;
	int most;
};

static __always_inline struct exponents range_of(const s16 *e, u32 n)
{
	s16 least = S16_MAX, most = S16_MIN;
	u32 i;

	for (i = 0; i < n; i++) {
		least = min(least, e[i]);
		most = max(most, e[i]);
	}
	return (struct exponents){ least, most };
}

/* Whether -(e + @add) is a shift to the right of at least @from for every e of the range. */
static __always_inline bool shifts_right(struct exponents r, int add, int from)
{
	return r.least + add >= -62 && r.most + add <= -from;
}

/* Any exponents. */
static void finish_far(const struct vector_sums *s, u32 t, int e, q32 *y)
{
	u32 i;

	for (i = 0; i < VECTOR_ROWS; i++) {
		size_t at = t * VECTOR_ROWS + i;
		s64 z = s->z ? scale_to_q32(s->z[at], s->e_z[i] + s->t + e) : 0;

		y[i] = clamp_q32(scale_to_q32(s->a[at], s->e_a[i] + s->r + e) + (s->minus ? -z : z));
	}
}

static void finish(const struct vector_sums *s, u32 n_tokens, const s32 *e, q32 *y, size_t stride)
{
	struct exponents range_a = range_of(s->e_a, VECTOR_ROWS);
	struct exponents range_z = s->z ? range_of(s->e_z, VECTOR_ROWS) : range_a;
	int add_a = s->r + 32, add_z = s->t + 32;
	s64 shift_a[VECTOR_ROWS], shift_z[VECTOR_ROWS];	/* but for the vector's exponent */
	u64 sign = s->minus ? -1 : 0;
	u32 t, i;

	for (i = 0; i < VECTOR_ROWS; i++) {
		shift_a[i] = -(s->e_a[i] + add_a);
		shift_z[i] = s->z ? -(s->e_z[i] + add_z) : 0;
	}
	for (t = 0; t < n_tokens; t++, y += stride) {
		const s64 *a = s->a + t * VECTOR_ROWS, *z = s->z ? s->z + t * VECTOR_ROWS : a;
		unsigned_lanes by = (unsigned_lanes){ 0 } + (u64)e[t];

		/* By three bits at least two sums below 2^62 cannot pass the limit together. */
		if (!shifts_right(range_a, add_a + e[t], 3) || !shifts_right(range_z, add_z + e[t], 3)) {
			finish_far(s, t, e[t], y);
			continue;
		}
		for (i = 0; i < VECTOR_ROWS; i += N_LANES) {
			unsigned_lanes v = round_lanes(load_lanes(a + i), load_lanes(shift_a + i) - by);

			if (s->z)
				v += (round_lanes(load_lanes(z + i), load_lanes(shift_z + i) - by) ^ sign) -
				     sign;
			store_lanes(y + i, v);
		}
	}
}

static void add(q32 *x, const q32 *y, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		x[i] = clamp_q32(x[i] + y[i]);
}

static void to_q16(const q32 *y, u32 n, q16 *out)
{
	u32 i;

	for (i = 0; i < n; i++)
		out[i] = clamp_t(s64, round_right(y[i], 16), S32_MIN, S32_MAX);
}

/* Scores of products at any exponents. */
static void score_far(const s64 *dot, const s16 *e_k, int e_q, u32 n, q20 *score)
{
	u32 i;

	for (i = 0; i < n; i++) {
		s32 e = e_q + e_k[i] + 20;
		/* A product past 32 bits is past the limit at any shift to the left. */
		s64 v = e < 0 ? shift_round(dot[i], -e) :
				clamp_t(s64, dot[i], -(1LL << 31), 1LL << 31) * (1LL << min(e, 31));

		score[i] = clamp_t(s64, v, -S32_MAX, S32_MAX);
	}
}

static __always_inline void score_n(const s64 *dot, const s16 *e_k, const s16 *e_v, int e_q, u32 n,
				    q20 *score, struct vector_top *top)
{
	s64 shift[LLAMA_KV_CHUNK], v[LLAMA_KV_CHUNK];
	int add = e_q + 20;
	q20 most = top->score;
	s16 e_top = top->e_v;
	u32 i;

	if (shifts_right(range_of(e_k, n), add, 1)) {
		for (i = 0; i < n; i++)
			shift[i] = -(e_k[i] + add);
		round_each(dot, shift, n, v);
		for (i = 0; i < n; i++)
			score[i] = clamp_t(s64, v[i], -S32_MAX, S32_MAX);
	} else {
		score_far(dot, e_k, e_q, n, score);
	}
	for (i = 0; i < n; i++)
		most = max(most, score[i]);
	for (i = 0; i < n; i++)
		e_top = max(e_top, e_v[i]);
	top->score = most;
	top->e_v = e_top;
}

/* A whole chunk apart: its loops have no remainders. */
static void score(const s64 *dot, const s16 *e_k, const s16 *e_v, int e_q, u32 n, q20 *score,
		  struct vector_top *top)
{
	if (n == LLAMA_KV_CHUNK)
		score_n(dot, e_k, e_v, e_q, LLAMA_KV_CHUNK, score, top);
	else
		score_n(dot, e_k, e_v, e_q, n, score, top);
}

static __always_inline u64 weigh_n(const q20 *score, const s16 *e_v, u32 n,
				   const struct vector_top *top, s64 *w)
{
	s64 shift[LLAMA_KV_CHUNK];
	u32 p[LLAMA_KV_CHUNK];
	u64 sum = 0;
	u32 i;

	for (i = 0; i < n; i++)
		p[i] = (u32)top->score - (u32)score[i];
	exp2_each(p, n);
	for (i = 0; i < n; i++)
		sum += p[i];
	for (i = 0; i < n; i++) {
		shift[i] = min(top->e_v - e_v[i], 62);
		w[i] = (u64)p[i] << 30;
	}
	for (i = n; i % N_LANES; i++)
		shift[i] = 0;
	for (i = 0; i < n; i += N_LANES)
		store_lanes(w + i, load_lanes(w + i) >> load_lanes(shift + i));
	return sum;
}

static u64 weigh(const q20 *score, const s16 *e_v, u32 n, const struct vector_top *top, s64 *w)
{
	if (n == LLAMA_KV_CHUNK)
		return weigh_n(score, e_v, LLAMA_KV_CHUNK, top, w);
	return weigh_n(score, e_v, n, top, w);
}

static void output(const s32 *a, u32 n, s32 inv, int e, q32 *out)
{
	int s = -(e + 32);
	u32 i;

	if (s > 0)
		for (i = 0; i < n; i++)
			out[i] = clamp_q32(round_far(mul_wide(a[i], inv), s));
	else
		for (i = 0; i < n; i++)
			out[i] = scale_to_q32(mul_wide(a[i], inv), e);
}

static q16 most(const q16 *logits, u32 n)
{
	q16 v = logits[0];
	u32 i;

	for (i = 1; i < n; i++)
		v = max(v, logits[i]);
	return v;
}

static u64 mass(const q16 *logits, u32 n, q16 max)
{
	u32 x[EXP2_EACH];
	u64 sum = 0;
	u32 at, part, i;

	for (at = 0; at < n; at += part) {
		part = min_t(u32, n - at, EXP2_EACH);
		/* 2^21 is 32: there it is zero. */
		for (i = 0; i < part; i++)
			x[i] = (u64)min((u32)max - (u32)logits[at + i], 1u << 21) * LOG2E_Q30 >> 26;
		exp2_each(x, part);
		for (i = 0; i < part; i++)
			sum += x[i];
	}
	return sum;
}

static void split(const s16 *x, u32 n, s16 *hi, s16 *lo)
{
	u32 i;

	for (i = 0; i < n; i++) {
		hi[i] = x[i] >> 8;
		lo[i] = x[i] & 255;
	}
}

const struct vector_ops VECTOR_OPS = {
	.quantize = quantize,
	.quantize_into = quantize_into,
	.quantize1 = quantize1,
	.normalize = normalize,
	.rmsnorm = rmsnorm,
	.swiglu = swiglu,
	.rotate = rotate,
	.finish = finish,
	.add = add,
	.to_q16 = to_q16,
	.score = score,
	.weigh = weigh,
	.output = output,
	.most = most,
	.mass = mass,
	.split = split,
};

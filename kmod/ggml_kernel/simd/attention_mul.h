/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The products of attention, once for every instruction set
 *
 * Included behind tile_mul.h, with the same operations. Two multiply-adds
 * for each pair, one for each plane; rows of queries go ROWS, four or fewer, at a time,
 * so that keys and values are loaded once for them.
 */
#include "arithmetic/attention.h"

#ifndef ROWS
#define ROWS 4
#endif
#define VALUE_VECTORS (VECTORS > 4 ? 2 : 1)	/* that registers have room for */

static __always_inline struct wide join(struct wide acc, vec hi, vec lo, u32 shift)
{
	return w_madd(w_madd(acc, hi, v_set(256 << shift)), lo, v_set(1 << shift));
}

/* @n queries times LANES positions of keys from @at on. */
static __always_inline void score_lanes(const struct attention_scores *a, size_t at, u32 row, u32 n, s64 *dot)
{
	const s16 *k = a->k + at, *next = a->next + at;
	const s16 *hi = a->hi + (size_t)row * a->dim;
	const s16 *lo = a->lo + (size_t)row * a->dim;
	vec high[ROWS], low[ROWS];
	u32 i, t;

#pragma GCC unroll 4
	for (t = 0; t < n; t++)
		high[t] = low[t] = v_set(0);
	for (i = 0; i < a->dim; i += 2) {
		vec pair = v_load(k + i * ATTENTION_LANES);

		__builtin_prefetch(next + i * ATTENTION_LANES);
#pragma GCC unroll 4
		for (t = 0; t < n; t++) {
			high[t] = v_madd(high[t], pair, v_pair(hi + t * a->dim + i));
			low[t] = v_madd(low[t], pair, v_pair(lo + t * a->dim + i));
		}
	}
#pragma GCC unroll 4
	for (t = 0; t < n; t++)
		w_store(dot + (row + t) * LLAMA_KV_CHUNK, join(w_zero(), high[t], low[t], 0));
}

static __always_inline void score_rows(const struct attention_scores *a, u32 row, u32 n)
{
	u32 group, lane;

	for (group = 0; group < a->n; group += ATTENTION_LANES)
		for (lane = 0; lane < ATTENTION_LANES; lane += LANES)
			score_lanes(a, (size_t)group * a->dim + 2 * lane, row, n,
				    a->dot + group + lane);
}

static void scores(const struct attention_scores *a)
{
	u32 row = 0;

	for (; row + ROWS <= a->n_rows; row += ROWS)
		score_rows(a, row, ROWS);
	if (ROWS > 3 && a->n_rows - row == 3)
		score_rows(a, row, 3);
	else if (ROWS > 2 && a->n_rows - row == 2)
		score_rows(a, row, 2);
	else if (a->n_rows - row == 1)
		score_rows(a, row, 1);
}

/* @m vectors of dimensions, from @first on, of @n rows from @row on, over all blocks. */
static __always_inline void value_lanes(const struct attention_values *a, u32 first, u32 m, u32 row, u32 n)
{
	const s16 *hi = a->hi + (size_t)row * a->stride;
	const s16 *lo = a->lo + (size_t)row * a->stride;
	const u8 *h = a->h + (size_t)row * (a->stride / BFP_BLOCK);
	struct wide sum[VALUE_VECTORS][ROWS];
	s64 out[LANES];
	u32 b, i, j, t;

#pragma GCC unroll 2
	for (j = 0; j < m; j++)
#pragma GCC unroll 4
		for (t = 0; t < n; t++)
			sum[j][t] = w_zero();
	for (b = 0; b < a->n_blocks; b++) {
		vec high[VALUE_VECTORS][ROWS], low[VALUE_VECTORS][ROWS];

#pragma GCC unroll 2
		for (j = 0; j < m; j++)
#pragma GCC unroll 4
			for (t = 0; t < n; t++)
				high[j][t] = low[j][t] = v_set(0);
		for (i = b * BFP_BLOCK; i < (b + 1) * BFP_BLOCK; i += 2)
#pragma GCC unroll 2
			for (j = 0; j < m; j++) {
				size_t at = (size_t)i * a->dim + 2 * (first + j * LANES);
				vec pair = v_load(a->v + at);

				__builtin_prefetch(a->next + at);
#pragma GCC unroll 4
				for (t = 0; t < n; t++) {
					high[j][t] = v_madd(high[j][t], pair,
							    v_pair(hi + t * a->stride + i));
					low[j][t] = v_madd(low[j][t], pair,
							   v_pair(lo + t * a->stride + i));
				}
			}
#pragma GCC unroll 2
		for (j = 0; j < m; j++)
#pragma GCC unroll 4
			for (t = 0; t < n; t++)
				sum[j][t] = join(sum[j][t], high[j][t], low[j][t],
						 h[t * (a->stride / BFP_BLOCK) + b]);
	}
#pragma GCC unroll 2
	for (j = 0; j < m; j++)
#pragma GCC unroll 4
		for (t = 0; t < n; t++) {
			s64 *to = a->sum + (size_t)(row + t) * a->dim + first + j * LANES;

			w_store(out, sum[j][t]);
			for (i = 0; i < LANES; i++)
				to[i] += out[i];
		}
}

static __always_inline void value_rows(const struct attention_values *a, u32 row, u32 n)
{
	u32 first = 0;

	for (; first + VALUE_VECTORS * LANES <= a->dim; first += VALUE_VECTORS * LANES)
		value_lanes(a, first, VALUE_VECTORS, row, n);
	for (; first < a->dim; first += LANES)
		value_lanes(a, first, 1, row, n);
}

static void values(const struct attention_values *a)
{
	u32 row = 0;

	if (a->dim % LANES) {
		llama_attention_values(a);
		return;
	}
	for (; row + ROWS <= a->n_rows; row += ROWS)
		value_rows(a, row, ROWS);
	if (ROWS > 3 && a->n_rows - row == 3)
		value_rows(a, row, 3);
	else if (ROWS > 2 && a->n_rows - row == 2)
		value_rows(a, row, 2);
	else if (a->n_rows - row == 1)
		value_rows(a, row, 1);
}

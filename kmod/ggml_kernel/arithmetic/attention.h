/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Products of attention, and the layout of the KV cache
 *
 * For each layer and key-value head, a chunk of the cache holds
 *
 *	k	(4, dim / 2, 16, 2)	keys: 16 positions side by side, a pair of dimensions each
 *	v	(32, dim, 2)		values: a pair of positions side by side, dimension by dimension
 *	e_k	(64)			exponents
 *	e_v	(64)
 *
 * A vector lane is a position for keys and a dimension for values, and each
 * 32-bit word is a pair for multiply-add instructions. The other factor, a query
 * or the weights of positions, is split into two planes, x = 256 hi + lo, hi signed
 * and lo unsigned, so that sums over the 256 dimensions of a head or the 32
 * positions of a block fit in 32 bits.
 */
#ifndef LLAMA_ATTENTION_H
#define LLAMA_ATTENTION_H

#include "arithmetic/bfp.h"

#define LLAMA_KV_CHUNK 64	/* positions */
#define ATTENTION_LANES 16	/* positions of keys side by side */

/**
 * struct attention_head - Positions of a chunk for one layer and key-value head.
 * @k:   Keys.
 * @v:   Values.
 * @e_k: (LLAMA_KV_CHUNK,) exponents of keys.
 * @e_v: (LLAMA_KV_CHUNK,) exponents of values.
 */
struct attention_head {
	s16 *k;
	s16 *v;
	s16 *e_k;
	s16 *e_v;
};

/** attention_head_size() - Return the bytes of a struct attention_head's arrays. */
static inline size_t attention_head_size(u32 dim)
{
	return LLAMA_KV_CHUNK * (2 * (size_t)dim + 2) * sizeof(s16);
}

/** attention_head_at() - Return the arrays in memory of that size. */
static inline struct attention_head attention_head_at(void *base, u32 dim)
{
	s16 *k = base;
	size_t n = (size_t)LLAMA_KV_CHUNK * dim;

	return (struct attention_head){ k, k + n, k + 2 * n, k + 2 * n + LLAMA_KV_CHUNK };
}

/** llama_attention_store() - Store a key and a value (dim,) at position @slot. */
void llama_attention_store(const struct attention_head *h, u32 slot, u32 dim, const s16 *k,
			   const s16 *v);

/**
 * struct attention_scores - Products of queries with the keys of a chunk.
 * @k:    Keys of the chunk.
 * @next: Bytes that are needed next, as many as at the pointer above, for prefetching.
 * @dim:  Elements of a head, even.
 * @hi:   (n_rows, dim) upper plane of the queries.
 * @lo:   (n_rows, dim) lower plane.
 * @n_rows: Number of queries.
 * @n:    Number of positions; whole groups of ATTENTION_LANES are computed.
 * @dot:  (n_rows, LLAMA_KV_CHUNK) products.
 */
struct attention_scores {
	const s16 *k;
	const s16 *next;
	u32 dim;
	const s16 *hi;
	const s16 *lo;
	u32 n_rows;
	u32 n;
	s64 *dot;
};

/** llama_attention_scores() - Compute scores on the generic path. */
void llama_attention_scores(const struct attention_scores *a);

/**
 * struct attention_values - Products of positions' weights with the values of a chunk.
 * @v:    Values of the chunk.
 * @next: Bytes that are needed next, as many as at the pointer above, for prefetching.
 * @dim:  Elements of a head, even.
 * @hi:   (n_rows, LLAMA_KV_CHUNK), @stride apart: upper plane of the weights.
 * @lo:   Lower plane, likewise.
 * @h:    (n_rows, 2), @stride / 32 apart: shifts of the blocks.
 * @n_rows: Number of queries.
 * @n_blocks: Number of blocks of BFP_BLOCK positions, 1 or 2. Weights behind the last position
 *   are zero.
 * @stride: Elements from a row to the next.
 * @sum:  (n_rows, dim) sums to which the products are added.
 */
struct attention_values {
	const s16 *v;
	const s16 *next;
	u32 dim;
	const s16 *hi;
	const s16 *lo;
	const u8 *h;
	u32 n_rows;
	u32 n_blocks;
	u32 stride;
	s64 *sum;
};

/** llama_attention_values() - Compute values on the generic path. */
void llama_attention_values(const struct attention_values *a);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Rows of weights, unpacked
 */
#ifndef LLAMA_WEIGHTS_ROW_H
#define LLAMA_WEIGHTS_ROW_H

#include "arithmetic/weights.h"

/**
 * struct weights_row - A row, unpacked, and scratch memory for products.
 * @c: (n_blocks * 32,) signed codes, zero behind n_in.
 * @d: Block scales: (n_in / 32) or (n_in / 256).
 * @n: Block minima, likewise.
 * @a: (n_in / 16 or / 32) sub-block scales of K-quants.
 * @b: Sub-block minima, likewise.
 * @g: (n_blocks) block shifts of a float row.
 * @unpacked: The codes of a tile, unpacked.
 * @sums: The sums of a tile.
 */
struct weights_row {
	s16 *c;
	s16 *d;
	s16 *n;
	s16 *a;
	s16 *b;
	u8 *g;
	void *unpacked;
	struct tile_sums sums;
};

/** llama_weights_row_alloc() - Allocate for @n_in elements and @n_tokens vectors at most. */
void llama_weights_row_alloc(struct weights_row *r, struct llama_arena *arena, u32 n_tokens,
			     u32 n_in);

/** llama_weights_row_unpack() - Unpack row @row into @r, from a tile or as it lies. */
void llama_weights_row_unpack(const struct weights *w, u32 row, struct weights_row *r);

/** llama_weights_embed() - Write row @row to @y (n_in,) as Q32. */
void llama_weights_embed(const struct weights *w, u32 row, struct weights_row *tmp, q32 *y);

#endif

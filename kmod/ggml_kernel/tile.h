/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Tiles: sixteen rows of weights side by side
 *
 * A tile holds 16 rows of a matrix in the bytes that they had in the file,
 * so that a vector lane is a row. Block by block: the 4-byte words of the
 * 16 rows' blocks, word 0 of every row, then word 1 of every row, ...; then
 * the rows' D, 16 bits each; then their N, where the type has minima. Words
 * are what a block holds besides d and the minimum, in the file's order.
 *
 * In such a word every byte belongs to one of four consecutive elements.
 * Taking every other byte (a mask such as 0x000f000f) gives 16-bit codes of
 * elements 0 and 2, or 1 and 3, beside each other: what multiply-add
 * instructions read. bfp.pair has the activations in that order.
 *
 * Float matrices, 16-bit codes, have the words of a block made of such pairs,
 * and their block shifts g lie (tile, block, row).
 */
#ifndef LLAMA_TILE_H
#define LLAMA_TILE_H

#include "weights.h"

#define TILE_ROWS 16

/**
 * struct tile_isa - An instruction set's way to multiply a tile.
 * @name:   As `isa=` takes it.
 * @floats: It multiplies float matrices too.
 * @usable: Whether this machine can run it.
 * @mul:    Tile @tile of @w times @n_tokens vectors of @x. @buf has room for the
 *   unpacked tile: 32 bytes for each element of a row.
 */
struct tile_isa {
	const char *name;
	bool floats;
	bool (*usable)(void);
	void (*mul)(const struct weights *w, u32 tile, const struct bfp *x, u32 n_tokens,
		    struct tile_sums out, void *buf);
};

extern const struct tile_isa tile_swar, tile_avx2, tile_avx512;

/** tile_isa() - The path in use; NULL for the generic one, which defines the result. */
const struct tile_isa *tile_isa(void);

/**
 * tile_isa_select() - Choose a path: NULL for the best, or a name, "generic" too.
 * Return: 0, or -EINVAL where there is no such path or this machine cannot run it.
 */
int tile_isa_select(const char *name);

#endif

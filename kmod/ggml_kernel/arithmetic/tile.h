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

#include "arithmetic/vector.h"
#include "arithmetic/weights.h"

#define TILE_ROWS VECTOR_ROWS
#define TILE_UNPACKED (TILE_ROWS * 4 * (16 + 4))	/* bytes of a 32-block: codes and scales */
#define TILE_MAX_BYTES (256u << 10)	/* a larger one is multiplied row by row */

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Tiles: sixteen rows of weights side by side
 *
 * A tile holds 16 rows of a matrix, interleaved in the bytes that they had in the
 * file, so that a vector lane is a row. Each block of the 16 rows holds: word 0 of
 * every row, word 1 of every row, and so on; the scales D of the rows, 16 bits each;
 * their minima N, if the type has minima. Words are the bytes of a block besides
 * scale and minimum, in the order of the file, four at a time.
 *
 * Every byte of a word belongs to one of four consecutive elements. Every other byte
 * (a mask such as 0x000f000f) gives 16-bit codes of elements 0 and 2, or 1 and 3, side
 * by side, for multiply-add instructions. bfp.pair has the activations in that order.
 *
 * Float matrices have 16-bit codes in such pairs instead of words, and block shifts
 * g (tile, block, row).
 */
#ifndef LLAMA_TILE_H
#define LLAMA_TILE_H

#include "arithmetic/vector.h"
#include "arithmetic/weights.h"

#define TILE_ROWS VECTOR_ROWS
#define TILE_UNPACKED (TILE_ROWS * 4 * (16 + 4))	/* bytes of a 32-block: codes and scales */
#define TILE_MAX_BYTES (256u << 10)	/* larger tiles are multiplied row by row */

#endif

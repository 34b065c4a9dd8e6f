/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Types of weights in blocks
 *
 * The table of types is LLAMA_BLOCK_TYPES(), which harness/codegen/ggml.py
 * generates. The functions that unpack them are in block_type.c, and the code
 * for tiles in simd/tile_mul.h.
 */
#ifndef LLAMA_BLOCK_TYPE_H
#define LLAMA_BLOCK_TYPE_H

#include "arithmetic/generated/block_types.h"
#include "base/port.h"

#define K_BLOCK 256	/* elements of a K-quant's block */

/**
 * struct llama_block_type - Layout of a block and rounding of its sums.
 * @unpack:   Writes signed codes @c (elements), and for types with sub-blocks
 *   their scales @a and minima @b (elements / sub).
 * @elements: Elements of a block.
 * @bytes:    Bytes of a block.
 * @words:    4-byte words of a block besides its scale and minimum.
 * @d:        Byte offset of the scale.
 * @n:        Byte offset of the minimum, or LLAMA_NO_FIELD.
 * @sub:      Elements of a sub-block; 0 for a type without sub-blocks.
 * @r:        Rounding shift of a block's scaled sum.
 * @t:        Rounding shift of the sum of its minima.
 */
struct llama_block_type {
	void (*unpack)(const u8 *block, s16 *c, s16 *a, s16 *b);
	u16 elements;
	u16 bytes;
	u8 words;
	u8 d;
	u8 n;
	u8 sub;
	u8 r;
	u8 t;
};

/** llama_block_type() - Look up a type by its number. Return: NULL if it is not in blocks. */
const struct llama_block_type *llama_block_type(u32 type);

/** block_words_at() - Byte offset of the words of a block. */
static inline u32 block_words_at(const struct llama_block_type *l)
{
	return l->d ? 0 : l->n == LLAMA_NO_FIELD ? 2 : 4;
}

#endif

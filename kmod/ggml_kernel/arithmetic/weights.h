/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Weight matrices
 *
 * A matrix stays in the file image, where llama_weights_prepare() has replaced
 * its floats by integers. Exponents and block shifts lie apart.
 */
#ifndef LLAMA_WEIGHTS_H
#define LLAMA_WEIGHTS_H

#include "arithmetic/bfp.h"

#define LLAMA_MAX_IN 32768	/* inputs of a matrix: sums of more could overflow */

/**
 * struct weights - A matrix, prepared.
 * @type:  enum ggml_type of the file.
 * @n_in:  Elements of a row.
 * @n_out: Rows.
 * @row_bytes: Bytes from one row to the next.
 * @n_tiles: Number of tiles (tile.h), which hold the first 16 * n_tiles rows. The others are not
 *   interleaved.
 * @data:  Blocks of the file with integer scales; or 16-bit codes.
 * @e_d:   (n_out,) exponents of the scales, or of float rows.
 * @e_n:   (n_out,) exponents of the minima, where the type has them, else NULL.
 * @g:     (n_out, bfp_blocks(n_in)) block shifts of float rows, transposed within a tile,
 *   else NULL.
 */
struct weights {
	u32 type;
	u32 n_in;
	u32 n_out;
	u32 row_bytes;
	u32 n_tiles;
	u8 *data;
	s16 *e_d;
	s16 *e_n;
	u8 *g;
};

/**
 * struct tile_sums - Sums of 16 rows of weights with vectors, without exponents.
 * @a: (n_tokens, 16) the sums A of docs/numerics.md, section 3.
 * @z: (n_tokens, 16) the sums Z; untouched where the type has no minima.
 */
struct tile_sums {
	s64 *a;
	s64 *z;
};

struct weights_row;

/** llama_weights_tiled() - Tell whether the path in use multiplies @w tile by tile. */
bool llama_weights_tiled(const struct weights *w);

/**
 * llama_weights_mul() - Multiply rows [@row0, @row0 + @n_rows) with each vector of @x.
 * @w:  Prepared.
 * @row0: First row.
 * @n_rows: Number of rows.
 * @x:  (n_tokens, n_in) quantized.
 * @n_tokens: Vectors of @x.
 * @tmp: Scratch memory of one thread.
 * @y:  y[t * @stride + row - @row0], Q32.
 * @stride: Elements of @y from one vector's result to the next.
 */
void llama_weights_mul(const struct weights *w, u32 row0, u32 n_rows, const struct bfp *x,
		       u32 n_tokens, struct weights_row *tmp, q32 *y, size_t stride);

#endif

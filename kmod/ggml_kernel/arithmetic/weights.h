/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Weight matrices
 *
 * A matrix stays where the file image has it. llama_weights_prepare() turns the
 * floats inside it into the integers of docs/numerics.md, section 3, in
 * place: fp16 scales into aligned 16-bit integers, whole float matrices into
 * 16-bit codes. Only exponents (and, for floats, block shifts) lie apart.
 */
#ifndef LLAMA_WEIGHTS_H
#define LLAMA_WEIGHTS_H

#include "arithmetic/bfp.h"
#include "file/gguf.h"

#define LLAMA_MAX_IN 32768	/* of a matrix's input dimension: what every sum has room for */

/**
 * struct weights - One matrix, prepared.
 * @type:  enum ggml_type of the file.
 * @n_in:  Elements of a row.
 * @n_out: Rows.
 * @row_bytes: From one row to the next.
 * @n_tiles: Tiles of 16 rows at the front (tile.h); the rows behind them lie one by one.
 * @data:  Blocks as the file has them, floats replaced; or 16-bit codes.
 * @e_d:   (n_out,) exponents of the scales, or of float rows.
 * @e_n:   (n_out,) exponents of the minima, where the type has them, else NULL.
 * @g:     (n_out, bfp_blocks(n_in)) block shifts of float rows, transposed within a tile; else NULL.
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
 * llama_weights_alloc() - What lies apart, from the arena; NULL while measuring.
 * @w:     Filled but for its data.
 * @t:     Its two dimensions and type.
 * @arena: To take from, or measuring.
 */
void llama_weights_alloc(struct weights *w, const struct gguf_tensor *t, struct llama_arena *arena);

/**
 * struct weights_tmp - Scratch memory of llama_weights_prepare().
 * @v:    (n_in) a row's floats, aligned.
 * @rows: A tile's rows.
 */
struct weights_tmp {
	s64 *v;
	u8 *rows;
};

/** llama_weights_tmp_alloc() - Room for matrices of up to @n_in. */
void llama_weights_tmp_alloc(struct weights_tmp *tmp, struct llama_arena *arena, u32 n_in);

/**
 * llama_weights_prepare() - Convert in place. To be called once.
 * @w:     From llama_weights_alloc().
 * @t:     The tensor.
 * @image: The file image, writable; the tensor lies at its offset.
 * @tmp:   For at least t->ne[0].
 * @yield: Called between rows; may be NULL.
 * @diag:  Names what is wrong where this fails.
 *
 * Return: 0, -EINVAL for NaN or infinity (named in @diag), or the hook's value.
 */
int llama_weights_prepare(struct weights *w, const struct gguf_tensor *t, u8 *image,
			  struct weights_tmp *tmp, const struct llama_yield *yield,
			  struct llama_diag *diag);

/** llama_float_load() - Read element @i of an F32, F16 or BF16 array. Return: 0, -ERANGE if not finite. */
int llama_float_load(u32 type, const u8 *data, u64 i, struct float_parts *p);

/**
 * llama_float_align() - align() of a vector of floats.
 * @type: GGML_TYPE_F32, F16 or BF16.
 * @data: (n,) as in the file.
 * @n:    Elements.
 * @bits: T, at most 31.
 * @v:    (n,) out.
 * @exponent: Out.
 *
 * Return: 0, or -EINVAL where one is not finite.
 */
int llama_float_align(u32 type, const u8 *data, u32 n, int bits, s64 *v, int *exponent);

/**
 * struct tile_sums - What 16 rows of weights give with vectors, before exponents.
 * @a: (n_tokens, 16) the sums A of docs/numerics.md, section 3.
 * @z: (n_tokens, 16) the sums Z; untouched where the type has no minima.
 */
struct tile_sums {
	s64 *a;
	s64 *z;
};

/**
 * struct weights_row - One row, unpacked.
 * @c: (n_blocks * 32,) signed codes, zero behind n_in.
 * @d: Block scales D: (n_in / 32) or (n_in / 256).
 * @n: Block minima N, likewise.
 * @a: (n_in / 16 or / 32) sub-block scales of K-quants.
 * @b: Sub-block minima, likewise.
 * @g: (n_blocks) block shifts of a float row.
 * @unpacked: A tile's codes, unpacked.
 * @sums: A tile's sums.
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

/** llama_weights_row_alloc() - Room for rows of up to @n_in elements and @n_tokens vectors. */
void llama_weights_row_alloc(struct weights_row *r, struct llama_arena *arena, u32 n_tokens,
			     u32 n_in);

/** llama_weights_embed() - Row @row as Q32, @y (n_in,). */
void llama_weights_embed(const struct weights *w, u32 row, struct weights_row *tmp, q32 *y);

/** llama_weights_tiled() - Whether the path in use multiplies @w tile by tile. */
bool llama_weights_tiled(const struct weights *w);

/**
 * llama_weights_mul() - Rows [@row0, @row0 + @n_rows) times each vector of @x.
 * @w:  Prepared.
 * @row0: First row.
 * @n_rows: How many.
 * @x:  (n_tokens, n_in) quantized.
 * @n_tokens: Vectors of @x.
 * @tmp: The caller's own, with room for these rows and vectors.
 * @y:  y[t * @stride + row - @row0], Q32.
 * @stride: Elements of @y from one vector's result to the next.
 */
void llama_weights_mul(const struct weights *w, u32 row0, u32 n_rows, const struct bfp *x,
		       u32 n_tokens, struct weights_row *tmp, q32 *y, size_t stride);

#endif

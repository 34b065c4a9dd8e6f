/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Preparation of weight matrices
 *
 * Floats inside a matrix become integers, in place: fp16 scales become aligned
 * 16-bit integers, whole float matrices become 16-bit codes. Then groups of 16
 * rows become tiles (tile.h).
 */
#ifndef LLAMA_PREPARE_H
#define LLAMA_PREPARE_H

#include "arithmetic/weights.h"
#include "file/gguf.h"

/**
 * llama_weights_alloc() - Describe a matrix and allocate its exponents.
 * @w:     Filled except @w->data.
 * @t:     Its two dimensions and type.
 * @arena: Memory for exponents and block shifts; NULL fields while measuring.
 */
void llama_weights_alloc(struct weights *w, const struct gguf_tensor *t, struct llama_arena *arena);

/**
 * struct weights_tmp - Scratch memory of llama_weights_prepare().
 * @v:    (n_in,) a row's floats, aligned.
 * @rows: (16, n_in) the rows of a tile, 16 bits an element.
 */
struct weights_tmp {
	s64 *v;
	u8 *rows;
};

/** llama_weights_tmp_alloc() - Allocate scratch memory for matrices of at most @n_in inputs. */
void llama_weights_tmp_alloc(struct weights_tmp *tmp, struct llama_arena *arena, u32 n_in);

/**
 * llama_weights_prepare() - Convert a matrix in place. Call it once.
 * @w:     From llama_weights_alloc().
 * @t:     The tensor.
 * @image: The file image, writable; the tensor lies at its offset.
 * @tmp:   Scratch memory for at least t->ne[0] inputs.
 * @yield: Called between rows; may be NULL.
 * @diag:  Names the tensor and the row on failure.
 *
 * Return: 0, -EINVAL for NaN or infinity, or the hook's value.
 */
int llama_weights_prepare(struct weights *w, const struct gguf_tensor *t, u8 *image,
			  struct weights_tmp *tmp, const struct llama_yield *yield,
			  struct llama_diag *diag);

#endif

// SPDX-License-Identifier: GPL-2.0
/* Weight matrices of a file, converted in place: docs/numerics.md, section 3. */
#include "arithmetic/prepare.h"
#include "arithmetic/block_type.h"
#include "arithmetic/floats.h"
#include "arithmetic/tile.h"
#include "file/generated/ggml_types.h"

void llama_weights_alloc(struct weights *w, const struct gguf_tensor *t, struct llama_arena *arena)
{
	const struct llama_block_type *l = llama_block_type(t->type);

	w->type = t->type;
	w->n_in = t->ne[0];
	w->n_out = t->ne[1];
	w->row_bytes = l ? w->n_in / l->elements * l->bytes : w->n_in * sizeof(s16);
	w->n_tiles = l || w->n_in % BFP_BLOCK == 0 ? w->n_out / TILE_ROWS : 0;
	w->e_d = llama_arena_alloc(arena, w->n_out, sizeof(*w->e_d));
	w->e_n = NULL;
	w->g = NULL;
	if (!l)
		w->g = llama_arena_alloc(arena, w->n_out, bfp_blocks(w->n_in));
	else if (l->n != LLAMA_NO_FIELD)
		w->e_n = llama_arena_alloc(arena, w->n_out, sizeof(*w->e_n));
}

static int prepare_block_row(struct weights *w, const struct llama_block_type *l, u32 row)
{
	u8 *data = w->data + (u64)row * w->row_bytes;
	u32 n = w->n_in / l->elements;
	int err = llama_halves_align(data + l->d, n, l->bytes, &w->e_d[row]);

	if (!err && l->n != LLAMA_NO_FIELD)
		err = llama_halves_align(data + l->n, n, l->bytes, &w->e_n[row]);
	return err;
}

/* The codes of a row end before its floats do, so that rows are converted in ascending order. */
static int prepare_float_row(struct weights *w, u32 row, s64 *tmp)
{
	u32 bytes = w->type == GGML_TYPE_F32 ? 4 : 2;
	const u8 *from = w->data + (u64)row * w->n_in * bytes;
	s16 *to = (s16 *)(w->data + (u64)row * w->row_bytes);
	int e, err;

	err = llama_float_align(w->type, from, w->n_in, 31, tmp, &e);
	if (err)
		return err;
	w->e_d[row] = llama_bfp_quantize_into(tmp, w->n_in, e, to,
					      w->g + (u64)row * bfp_blocks(w->n_in));
	return 0;
}

/* Lay 16 rows of blocks at @rows side by side in the tile @to. */
static void make_block_tile(const struct weights *w, const struct llama_block_type *l,
			    const u8 *rows, u8 *to)
{
	u32 n_blocks = w->n_in / l->elements;
	u32 k, i, r;

	for (k = 0; k < n_blocks; k++) {
		const u8 *block = rows + k * l->bytes;

		for (i = 0; i < l->words; i++)
			for (r = 0; r < TILE_ROWS; r++, to += 4)
				memcpy(to, block + block_words_at(l) + 4 * i + r * w->row_bytes, 4);
		for (r = 0; r < TILE_ROWS; r++, to += 2)
			memcpy(to, block + l->d + r * w->row_bytes, 2);
		for (r = 0; l->n != LLAMA_NO_FIELD && r < TILE_ROWS; r++, to += 2)
			memcpy(to, block + l->n + r * w->row_bytes, 2);
	}
}

/* Pair codes 0 with 2 and 1 with 3 of each four. Transpose @g (TILE_ROWS, n_blocks). */
static void make_float_tile(const struct weights *w, const s16 *rows, u32 *to, u8 *g, u8 *tmp)
{
	u32 n_blocks = bfp_blocks(w->n_in);
	u32 i, r;

	for (i = 0; i < w->n_in; i += 4) {
		for (r = 0; r < TILE_ROWS; r++) {
			const u16 *c = (const u16 *)rows + r * w->n_in + i;

			to[r] = c[0] | (u32)c[2] << 16;
			to[r + TILE_ROWS] = c[1] | (u32)c[3] << 16;
		}
		to += 2 * TILE_ROWS;
	}
	memcpy(tmp, g, TILE_ROWS * n_blocks);
	for (i = 0; i < n_blocks; i++)
		for (r = 0; r < TILE_ROWS; r++)
			*g++ = tmp[r * n_blocks + i];
}

static void make_tile(struct weights *w, const struct llama_block_type *l, u32 tile,
		      struct weights_tmp *tmp)
{
	u8 *data = w->data + (u64)tile * TILE_ROWS * w->row_bytes;
	u32 n_blocks = bfp_blocks(w->n_in);

	memcpy(tmp->rows, data, (size_t)TILE_ROWS * w->row_bytes);
	if (l)
		make_block_tile(w, l, tmp->rows, data);
	else
		make_float_tile(w, (const s16 *)tmp->rows, (u32 *)data,
				w->g + (u64)tile * TILE_ROWS * n_blocks, (u8 *)tmp->v);
}

void llama_weights_tmp_alloc(struct weights_tmp *tmp, struct llama_arena *arena, u32 n_in)
{
	tmp->v = llama_arena_alloc(arena, n_in, sizeof(*tmp->v));
	/* 16-bit codes are the widest rows. */
	tmp->rows = llama_arena_alloc(arena, n_in, TILE_ROWS * sizeof(s16));
}

int llama_weights_prepare(struct weights *w, const struct gguf_tensor *t, u8 *image,
			  struct weights_tmp *tmp, const struct llama_yield *yield,
			  struct llama_diag *diag)
{
	const struct llama_block_type *l = llama_block_type(w->type);
	u32 rows_a_slice = max(65536 / w->n_in, 1u);
	u32 row;
	int err;

	w->data = image + t->offset;
	for (row = 0; row < w->n_out; row++) {
		err = l ? prepare_block_row(w, l, row) : prepare_float_row(w, row, tmp->v);
		if (err)
			return llama_fail(diag, err, "tensor %.*s: row %u has a %s that is not finite",
					  (int)t->name.len, t->name.data, row,
					  l ? "scale" : "weight");
		if (row % TILE_ROWS == TILE_ROWS - 1 && row / TILE_ROWS < w->n_tiles)
			make_tile(w, l, row / TILE_ROWS, tmp);
		if (row % rows_a_slice == 0) {
			err = llama_yield(yield);
			if (err)
				return err;
		}
	}
	return 0;
}

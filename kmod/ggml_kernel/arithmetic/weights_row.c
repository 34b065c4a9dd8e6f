// SPDX-License-Identifier: GPL-2.0
/* Rows of weights, unpacked. */
#include "arithmetic/weights_row.h"
#include "arithmetic/block_type.h"
#include "arithmetic/tile.h"

void llama_weights_row_alloc(struct weights_row *r, struct llama_arena *arena, u32 n_tokens,
			     u32 n_in)
{
	u32 n_blocks = bfp_blocks(n_in);

	r->c = llama_arena_alloc(arena, n_blocks, BFP_BLOCK * sizeof(*r->c));
	r->d = llama_arena_alloc(arena, n_blocks, sizeof(*r->d));
	r->n = llama_arena_alloc(arena, n_blocks, sizeof(*r->n));
	r->a = llama_arena_alloc(arena, n_blocks, 2 * sizeof(*r->a));
	r->b = llama_arena_alloc(arena, n_blocks, 2 * sizeof(*r->b));
	r->g = llama_arena_alloc(arena, n_blocks, sizeof(*r->g));
	r->unpacked = llama_arena_alloc(arena, n_blocks, TILE_UNPACKED);
	r->sums.a = llama_arena_alloc(arena, n_tokens, TILE_ROWS * sizeof(*r->sums.a));
	r->sums.z = llama_arena_alloc(arena, n_tokens, TILE_ROWS * sizeof(*r->sums.z));
}

/* Collect block @k of a row from a tile; its floats stay integers. */
static void gather_block(const struct weights *w, const struct llama_block_type *l, u32 row, u32 k,
			 u8 *block)
{
	u32 r = row % TILE_ROWS;
	const u8 *from = w->data + (u64)(row - r) * w->row_bytes + (u64)k * TILE_ROWS * l->bytes;
	u32 i;

	for (i = 0; i < l->words; i++, from += 4 * TILE_ROWS)
		memcpy(block + block_words_at(l) + 4 * i, from + 4 * r, 4);
	memcpy(block + l->d, from + 2 * r, 2);
	if (l->n != LLAMA_NO_FIELD)
		memcpy(block + l->n, from + 2 * TILE_ROWS + 2 * r, 2);
}

static void unpack_blocks(const struct weights *w, const struct llama_block_type *l, u32 row,
			  struct weights_row *r)
{
	const u8 *data = w->data + (u64)row * w->row_bytes;
	bool tiled = row / TILE_ROWS < w->n_tiles;
	u32 n = w->n_in / l->elements;
	u32 subs = l->sub ? l->elements / l->sub : 0;
	u8 gathered[LLAMA_MAX_BLOCK_BYTES];
	u32 k;

	for (k = 0; k < n; k++) {
		const u8 *block = tiled ? gathered : data + k * l->bytes;

		if (tiled)
			gather_block(w, l, row, k, gathered);
		l->unpack(block, r->c + k * l->elements, r->a + k * subs, r->b + k * subs);
		r->d[k] = llama_get_u16(block + l->d);
		if (l->n != LLAMA_NO_FIELD)
			r->n[k] = llama_get_u16(block + l->n);
	}
}

static void unpack_floats(const struct weights *w, u32 row, struct weights_row *r)
{
	u32 n_blocks = bfp_blocks(w->n_in);
	u32 in_tile = row % TILE_ROWS;
	const u32 *words;
	u32 i;

	if (row / TILE_ROWS >= w->n_tiles) {
		memcpy(r->c, w->data + (u64)row * w->row_bytes, w->n_in * sizeof(*r->c));
		memset(r->c + w->n_in, 0, (n_blocks * BFP_BLOCK - w->n_in) * sizeof(*r->c));
		memcpy(r->g, w->g + (u64)row * n_blocks, n_blocks);
		return;
	}
	words = (const u32 *)(w->data + (u64)(row - in_tile) * w->row_bytes) + in_tile;
	for (i = 0; i < w->n_in; i += 4, words += 2 * TILE_ROWS) {
		r->c[i] = words[0];
		r->c[i + 1] = words[TILE_ROWS];
		r->c[i + 2] = words[0] >> 16;
		r->c[i + 3] = words[TILE_ROWS] >> 16;
	}
	for (i = 0; i < n_blocks; i++)
		r->g[i] = w->g[((u64)row / TILE_ROWS * n_blocks + i) * TILE_ROWS + in_tile];
}

void llama_weights_row_unpack(const struct weights *w, u32 row, struct weights_row *r)
{
	const struct llama_block_type *l = llama_block_type(w->type);

	if (l)
		unpack_blocks(w, l, row, r);
	else
		unpack_floats(w, row, r);
}

/* Return element @i of an unpacked row of blocks. */
static q32 block_element(const struct weights *w, const struct llama_block_type *l, u32 row,
			 const struct weights_row *r, u32 i)
{
	u32 k = i / l->elements;
	u32 j = l->sub ? i / l->sub : 0;
	s64 scale = l->sub ? (s64)r->d[k] * r->a[j] : r->d[k];
	q32 y = scale_to_q32(scale * r->c[i], w->e_d[row]);

	if (l->n == LLAMA_NO_FIELD)
		return y;
	if (l->sub)
		return clamp_q32(y - scale_to_q32((s64)r->n[k] * r->b[j], w->e_n[row]));
	return clamp_q32(y + scale_to_q32(r->n[k], w->e_n[row]));
}

static q32 float_element(const struct weights *w, u32 row, const struct weights_row *r, u32 i)
{
	return scale_to_q32((s64)r->c[i] * (1 << r->g[i / BFP_BLOCK]), w->e_d[row]);
}

void llama_weights_embed(const struct weights *w, u32 row, struct weights_row *tmp, q32 *y)
{
	const struct llama_block_type *l = llama_block_type(w->type);
	u32 i;

	llama_weights_row_unpack(w, row, tmp);
	for (i = 0; i < w->n_in; i++)
		y[i] = l ? block_element(w, l, row, tmp, i) : float_element(w, row, tmp, i);
}

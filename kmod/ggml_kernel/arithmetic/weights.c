// SPDX-License-Identifier: GPL-2.0
/* Weight matrices: docs/numerics.md, section 3. This file defines the result; SIMD must equal it. */
#include "arithmetic/path.h"
#include "file/generated/ggml_types.h"

#define K_BLOCK 256
#define NONE 0xff	/* no such field */

/* How a block type lies in memory and how its sums are rounded. */
struct layout {
	void (*unpack)(const u8 *block, s16 *c, s16 *a, s16 *b);
	u16 elements;
	u16 bytes;
	u8 d;		/* offset of the scale */
	u8 n;		/* offset of the minimum, or NONE */
	u8 sub;		/* elements of a sub-block, 0 where there are none */
	u8 r;		/* rounding shift of a block's scaled sum */
	u8 t;		/* and of its minima's */
};

static void unpack_nibbles(const u8 *qs, s16 *c, int offset)
{
	u32 i;

	for (i = 0; i < 16; i++) {
		c[i] = (qs[i] & 15) - offset;
		c[i + 16] = (qs[i] >> 4) - offset;
	}
}

static void unpack_fifth_bits(const u8 *qh, s16 *c)
{
	u32 bits = llama_get_u32(qh);
	u32 i;

	for (i = 0; i < 32; i++)
		c[i] += (bits >> i & 1) << 4;
}

static void unpack_q4_0(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	unpack_nibbles(block + 2, c, 8);
}

static void unpack_q4_1(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	unpack_nibbles(block + 4, c, 0);
}

static void unpack_q5_0(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	unpack_nibbles(block + 6, c, 16);
	unpack_fifth_bits(block + 2, c);
}

static void unpack_q5_1(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	unpack_nibbles(block + 8, c, 0);
	unpack_fifth_bits(block + 4, c);
}

static void unpack_q8_0(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	u32 i;

	for (i = 0; i < 32; i++)
		c[i] = (s8)block[2 + i];
}

/* Codes of two bits: byte i of each 32 holds elements i, i + 32, i + 64 and i + 96 of 128. */
static void unpack_pairs(const u8 *qs, s16 *c)
{
	u32 half, plane, i;

	for (half = 0; half < 2; half++)
		for (plane = 0; plane < 4; plane++)
			for (i = 0; i < 32; i++)
				*c++ = qs[32 * half + i] >> (2 * plane) & 3;
}

static void unpack_q2_k(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	u32 j;

	for (j = 0; j < 16; j++) {
		a[j] = block[j] & 15;
		b[j] = block[j] >> 4;
	}
	unpack_pairs(block + 16, c);
}

static void unpack_q3_k(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	const u8 *scales = block + 96;
	u32 i, j;

	for (j = 0; j < 16; j++) {
		u32 low = j < 8 ? scales[j] & 15 : scales[j - 8] >> 4;
		u32 high = scales[8 + j % 4] >> (2 * (j / 4)) & 3;

		a[j] = (s16)(low | high << 4) - 32;
	}
	unpack_pairs(block + 32, c);
	for (i = 0; i < K_BLOCK; i++)
		c[i] += ((block[i % 32] >> (i / 32) & 1) << 2) - 4;
}

/* Eight scales and eight minima of six bits, in twelve bytes. */
static void unpack_scales_k4(const u8 *s, s16 *a, s16 *b)
{
	u32 j;

	for (j = 0; j < 4; j++) {
		a[j] = s[j] & 63;
		b[j] = s[j + 4] & 63;
		a[j + 4] = (s[j + 8] & 15) | (s[j] >> 6) << 4;
		b[j + 4] = s[j + 8] >> 4 | (s[j + 4] >> 6) << 4;
	}
}

/* Codes of four bits: byte i of each 32 holds elements i and i + 32 of 64. */
static void unpack_nibbles_k(const u8 *qs, s16 *c)
{
	u32 chunk, i;

	for (chunk = 0; chunk < 4; chunk++, c += 64, qs += 32)
		for (i = 0; i < 32; i++) {
			c[i] = qs[i] & 15;
			c[i + 32] = qs[i] >> 4;
		}
}

static void unpack_q4_k(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	unpack_scales_k4(block + 4, a, b);
	unpack_nibbles_k(block + 16, c);
}

static void unpack_q5_k(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	u32 i;

	unpack_scales_k4(block + 4, a, b);
	unpack_nibbles_k(block + 48, c);
	for (i = 0; i < K_BLOCK; i++)
		c[i] += (block[16 + i % 32] >> (i / 32) & 1) << 4;
}

static void unpack_q6_k(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	const u8 *ql = block, *qh = block + 128;
	u32 half, i, j;

	for (half = 0; half < 2; half++, c += 128, ql += 64, qh += 32)
		for (i = 0; i < 32; i++) {
			c[i] = ((ql[i] & 15) | (qh[i] & 3) << 4) - 32;
			c[i + 32] = ((ql[i + 32] & 15) | (qh[i] >> 2 & 3) << 4) - 32;
			c[i + 64] = (ql[i] >> 4 | (qh[i] >> 4 & 3) << 4) - 32;
			c[i + 96] = (ql[i + 32] >> 4 | qh[i] >> 6 << 4) - 32;
		}
	for (j = 0; j < 16; j++)
		a[j] = (s8)block[192 + j];
}

static const struct layout layouts[] = {
	[GGML_TYPE_Q4_0] = { unpack_q4_0, GGML_BLOCK_Q4_0, GGML_BYTES_Q4_0, 0, NONE },
	[GGML_TYPE_Q4_1] = { unpack_q4_1, GGML_BLOCK_Q4_1, GGML_BYTES_Q4_1, 0, 2 },
	[GGML_TYPE_Q5_0] = { unpack_q5_0, GGML_BLOCK_Q5_0, GGML_BYTES_Q5_0, 0, NONE },
	[GGML_TYPE_Q5_1] = { unpack_q5_1, GGML_BLOCK_Q5_1, GGML_BYTES_Q5_1, 0, 2 },
	[GGML_TYPE_Q8_0] = { unpack_q8_0, GGML_BLOCK_Q8_0, GGML_BYTES_Q8_0, 0, NONE },
	[GGML_TYPE_Q2_K] = { unpack_q2_k, GGML_BLOCK_Q2_K, GGML_BYTES_Q2_K, 80, 82, 16, 6, 4 },
	[GGML_TYPE_Q3_K] = { unpack_q3_k, GGML_BLOCK_Q3_K, GGML_BYTES_Q3_K, 108, NONE, 16, 7 },
	[GGML_TYPE_Q4_K] = { unpack_q4_k, GGML_BLOCK_Q4_K, GGML_BYTES_Q4_K, 0, 2, 32, 10, 6 },
	[GGML_TYPE_Q5_K] = { unpack_q5_k, GGML_BLOCK_Q5_K, GGML_BYTES_Q5_K, 0, 2, 32, 11, 6 },
	[GGML_TYPE_Q6_K] = { unpack_q6_k, GGML_BLOCK_Q6_K, GGML_BYTES_Q6_K, 208, NONE, 16, 12 },
};

/* Where a block's words begin, and how many there are. */
static u32 words_offset(const struct layout *l)
{
	return l->d ? 0 : l->n == NONE ? 2 : 4;
}

static u32 words_count(const struct layout *l)
{
	return (l->bytes - (l->n == NONE ? 2 : 4)) / 4;
}

/* NULL for float types. */
static const struct layout *layout(u32 type)
{
	return type < ARRAY_SIZE(layouts) && layouts[type].unpack ? &layouts[type] : NULL;
}

void llama_weights_alloc(struct weights *w, const struct gguf_tensor *t, struct llama_arena *arena)
{
	const struct layout *l = layout(t->type);

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
	else if (l->n != NONE)
		w->e_n = llama_arena_alloc(arena, w->n_out, sizeof(*w->e_n));
}

/* Running maximum of align(): the highest bit of any value. */
static void align_note(int *top, struct float_parts p)
{
	if (p.m)
		*top = max(*top, bit_length(p.m < 0 ? -p.m : p.m) + p.e);
}

/* The common exponent for @bits; 0 where every value was zero. */
static int align_exponent(int top, int bits)
{
	return top == INT_MIN ? 0 : top - bits;
}

static s64 align(struct float_parts p, int e, int bits)
{
	s64 limit = (1LL << bits) - 1;

	if (!p.m)
		return 0;
	return clamp_t(s64, shift_round(p.m, e - p.e), -limit, limit);
}

/* Align the halves at @field of a row's @n blocks, in place. */
static int align_halves(u8 *field, u32 n, u32 stride, s16 *exponent)
{
	struct float_parts p;
	int top = INT_MIN;
	u32 i;

	for (i = 0; i < n; i++) {
		if (llama_f16_parts(llama_get_u16(field + i * stride), &p))
			return -EINVAL;
		align_note(&top, p);
	}
	*exponent = align_exponent(top, 15);
	for (i = 0; i < n; i++) {
		s16 v;

		llama_f16_parts(llama_get_u16(field + i * stride), &p);
		v = align(p, *exponent, 15);
		memcpy(field + i * stride, &v, sizeof(v));
	}
	return 0;
}

int llama_float_load(u32 type, const u8 *data, u64 i, struct float_parts *p)
{
	switch (type) {
	case GGML_TYPE_F32:
		return llama_f32_parts(llama_get_u32(data + 4 * i), p);
	case GGML_TYPE_F16:
		return llama_f16_parts(llama_get_u16(data + 2 * i), p);
	default:
		return llama_bf16_parts(llama_get_u16(data + 2 * i), p);
	}
}

int llama_float_align(u32 type, const u8 *data, u32 n, int bits, s64 *v, int *exponent)
{
	struct float_parts p;
	int top = INT_MIN;
	u32 i;

	for (i = 0; i < n; i++) {
		if (llama_float_load(type, data, i, &p))
			return -EINVAL;
		align_note(&top, p);
	}
	*exponent = align_exponent(top, bits);
	for (i = 0; i < n; i++) {
		llama_float_load(type, data, i, &p);
		v[i] = align(p, *exponent, bits);
	}
	return 0;
}

static int prepare_block_row(struct weights *w, const struct layout *l, u32 row)
{
	u8 *data = w->data + (u64)row * w->row_bytes;
	u32 n = w->n_in / l->elements;
	int err = align_halves(data + l->d, n, l->bytes, &w->e_d[row]);

	if (!err && l->n != NONE)
		err = align_halves(data + l->n, n, l->bytes, &w->e_n[row]);
	return err;
}

/* The codes of row r never reach past the floats of row r: the copy moves down. */
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

/* Sixteen rows of blocks from @rows into the tile @to. */
static void make_block_tile(const struct weights *w, const struct layout *l, const u8 *rows, u8 *to)
{
	u32 n_blocks = w->n_in / l->elements;
	u32 k, i, r;

	for (k = 0; k < n_blocks; k++) {
		const u8 *block = rows + k * l->bytes;

		for (i = 0; i < words_count(l); i++)
			for (r = 0; r < TILE_ROWS; r++, to += 4)
				memcpy(to, block + words_offset(l) + 4 * i + r * w->row_bytes, 4);
		for (r = 0; r < TILE_ROWS; r++, to += 2)
			memcpy(to, block + l->d + r * w->row_bytes, 2);
		for (r = 0; l->n != NONE && r < TILE_ROWS; r++, to += 2)
			memcpy(to, block + l->n + r * w->row_bytes, 2);
	}
}

/* Of each four codes, 0 with 2 and 1 with 3. @g: (TILE_ROWS, n_blocks) becomes its transpose. */
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

static void make_tile(struct weights *w, const struct layout *l, u32 tile, struct weights_tmp *tmp)
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
	/* Nothing takes more than 16-bit codes do. */
	tmp->rows = llama_arena_alloc(arena, n_in, TILE_ROWS * sizeof(s16));
}

int llama_weights_prepare(struct weights *w, const struct gguf_tensor *t, u8 *image,
			  struct weights_tmp *tmp, const struct llama_yield *yield,
			  struct llama_diag *diag)
{
	const struct layout *l = layout(w->type);
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

/* Block @k of a row in a tile, as the file had it, but for its floats. */
static void gather_block(const struct weights *w, const struct layout *l, u32 row, u32 k, u8 *block)
{
	u32 r = row % TILE_ROWS;
	const u8 *from = w->data + (u64)(row - r) * w->row_bytes + (u64)k * TILE_ROWS * l->bytes;
	u32 i;

	for (i = 0; i < words_count(l); i++, from += 4 * TILE_ROWS)
		memcpy(block + words_offset(l) + 4 * i, from + 4 * r, 4);
	memcpy(block + l->d, from + 2 * r, 2);
	if (l->n != NONE)
		memcpy(block + l->n, from + 2 * TILE_ROWS + 2 * r, 2);
}

static void unpack_row(const struct weights *w, const struct layout *l, u32 row,
		       struct weights_row *r)
{
	const u8 *data = w->data + (u64)row * w->row_bytes;
	bool tiled = row / TILE_ROWS < w->n_tiles;
	u32 n = w->n_in / l->elements;
	u32 subs = l->sub ? l->elements / l->sub : 0;
	u8 gathered[GGML_BYTES_Q6_K];
	u32 k;

	for (k = 0; k < n; k++) {
		const u8 *block = tiled ? gathered : data + k * l->bytes;

		if (tiled)
			gather_block(w, l, row, k, gathered);
		l->unpack(block, r->c + k * l->elements, r->a + k * subs, r->b + k * subs);
		r->d[k] = llama_get_u16(block + l->d);
		if (l->n != NONE)
			r->n[k] = llama_get_u16(block + l->n);
	}
}

static void unpack_float_row(const struct weights *w, u32 row, struct weights_row *r)
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

static q32 clamp_q32(s64 v)
{
	return clamp_t(s64, v, -Q32_LIMIT, Q32_LIMIT);
}

/* Element @i of an unpacked row of blocks. */
static q32 block_element(const struct weights *w, const struct layout *l, u32 row,
			 const struct weights_row *r, u32 i)
{
	u32 k = i / l->elements;
	u32 j = l->sub ? i / l->sub : 0;
	s64 scale = l->sub ? (s64)r->d[k] * r->a[j] : r->d[k];
	q32 y = scale_to_q32(scale * r->c[i], w->e_d[row]);

	if (l->n == NONE)
		return y;
	if (l->sub)
		return clamp_q32(y - scale_to_q32((s64)r->n[k] * r->b[j], w->e_n[row]));
	return clamp_q32(y + scale_to_q32(r->n[k], w->e_n[row]));
}

void llama_weights_embed(const struct weights *w, u32 row, struct weights_row *tmp, q32 *y)
{
	const struct layout *l = layout(w->type);
	u32 i;

	if (l) {
		unpack_row(w, l, row, tmp);
		for (i = 0; i < w->n_in; i++)
			y[i] = block_element(w, l, row, tmp, i);
		return;
	}
	unpack_float_row(w, row, tmp);
	for (i = 0; i < w->n_in; i++)
		y[i] = scale_to_q32((s64)tmp->c[i] * (1 << tmp->g[i / BFP_BLOCK]), w->e_d[row]);
}

/* @n is a constant wherever this is inlined, so that compilers unroll it. */
static inline s32 dot(const s16 *c, const s16 *q, u32 n)
{
	s32 sum = 0;
	u32 i;

	for (i = 0; i < n; i++)
		sum += (s32)c[i] * q[i];
	return sum;
}

static inline s64 dot_wide(const s16 *c, const s16 *q)
{
	s64 sum = 0;
	u32 i;

	for (i = 0; i < BFP_BLOCK; i++)
		sum += (s32)c[i] * q[i];
	return sum;
}

/* One vector of a batch. */
struct vector {
	const s16 *q;
	const s32 *sum;
	const u8 *h;
	s32 e;
};

static struct vector vector(const struct bfp *x, u32 token)
{
	size_t block = (size_t)token * x->n_blocks;

	return (struct vector){
		.q = x->q + block * BFP_BLOCK,
		.sum = x->sum + block * 2,
		.h = x->h + block,
		.e = x->e[token],
	};
}

/* The sums of a row with a vector, before exponents. */
struct sums {
	s64 a;
	s64 z;
};

static struct sums mul_blocks(const struct weights *w, const struct weights_row *r,
			      struct vector x, u32 n_blocks)
{
	struct sums s = { 0 };
	u32 b;

	for (b = 0; b < n_blocks; b++)
		s.a += (s64)dot(r->c + b * BFP_BLOCK, x.q + b * BFP_BLOCK, BFP_BLOCK) *
		       (r->d[b] * (1 << x.h[b]));
	for (b = 0; w->e_n && b < n_blocks; b++)
		s.z += (s64)(x.sum[2 * b] + x.sum[2 * b + 1]) * (r->n[b] * (1 << x.h[b]));
	return s;
}

/* A 256-block: sub-blocks of @sub elements, scaled, added and rounded. */
static inline s64 dot_k(const s16 *c, const s16 *a, const s16 *q, const u8 *h, u32 sub)
{
	s64 sum = 0;
	u32 j;

	for (j = 0; j < K_BLOCK / sub; j++)
		sum += (s64)dot(c + j * sub, q + j * sub, sub) * (a[j] * (1 << h[j * sub / 32]));
	return sum;
}

static inline s64 minima_k(const s16 *b, const s32 *sum, const u8 *h, u32 sub)
{
	s64 total = 0;
	u32 j;

	for (j = 0; j < K_BLOCK / sub; j++) {
		s64 s = sub == 16 ? sum[j] : sum[2 * j] + sum[2 * j + 1];

		total += s * (b[j] * (1 << h[j * sub / 32]));
	}
	return total;
}

static struct sums mul_k(const struct weights *w, const struct layout *l,
			 const struct weights_row *r, struct vector x)
{
	struct sums s = { 0 };
	u32 subs = K_BLOCK / l->sub;
	u32 k;

	for (k = 0; k < w->n_in / K_BLOCK; k++) {
		const s16 *c = r->c + k * K_BLOCK, *q = x.q + k * K_BLOCK;
		const s16 *a = r->a + k * subs, *b = r->b + k * subs;
		const u8 *h = x.h + k * (K_BLOCK / BFP_BLOCK);
		const s32 *half = x.sum + k * (K_BLOCK / 16);

		if (l->sub == 16)
			s.a += shift_round(dot_k(c, a, q, h, 16), l->r) * r->d[k];
		else
			s.a += shift_round(dot_k(c, a, q, h, 32), l->r) * r->d[k];
		if (l->n != NONE)
			s.z += shift_round(minima_k(b, half, h, l->sub), l->t) * r->n[k];
	}
	return s;
}

static struct sums mul_float(const struct weights_row *r, struct vector x, u32 n_blocks)
{
	struct sums s = { 0 };
	u32 b;

	for (b = 0; b < n_blocks; b++)
		s.a += dot_wide(r->c + b * BFP_BLOCK, x.q + b * BFP_BLOCK) *
		       (1 << (r->g[b] + x.h[b]));
	return s;
}

/* Sums to the value, with the exponents of row @row and of a vector. */
static q32 finish(const struct weights *w, const struct layout *l, u32 row, struct sums s, int e)
{
	q32 y;

	if (!l)
		return scale_to_q32(s.a, w->e_d[row] + e);
	y = scale_to_q32(s.a, w->e_d[row] + e + l->r);
	if (!w->e_n)
		return y;
	if (l->sub)
		return clamp_q32(y - scale_to_q32(s.z, w->e_n[row] + e + l->t));
	return clamp_q32(y + scale_to_q32(s.z, w->e_n[row] + e));
}

static void mul_row(const struct weights *w, const struct layout *l, u32 row, const struct bfp *x,
		    u32 n_tokens, struct weights_row *tmp, q32 *y, size_t stride)
{
	struct sums s;
	u32 t;

	if (l)
		unpack_row(w, l, row, tmp);
	else
		unpack_float_row(w, row, tmp);
	for (t = 0; t < n_tokens; t++) {
		if (!l)
			s = mul_float(tmp, vector(x, t), x->n_blocks);
		else if (l->sub)
			s = mul_k(w, l, tmp, vector(x, t));
		else
			s = mul_blocks(w, tmp, vector(x, t), x->n_blocks);
		y[t * stride] = finish(w, l, row, s, x->e[t]);
	}
}

static void mul_tile(const struct llama_path *path, const struct weights *w, const struct layout *l,
		     u32 tile, const struct bfp *x, u32 n_tokens, struct weights_row *tmp, q32 *y,
		     size_t stride)
{
	const struct vector_sums s = {
		.a = tmp->sums.a,
		.z = w->e_n ? tmp->sums.z : NULL,
		.e_a = w->e_d + tile * TILE_ROWS,
		.e_z = w->e_n ? w->e_n + tile * TILE_ROWS : NULL,
		.r = l ? l->r : 0,
		.t = l ? l->t : 0,
		.minus = l && l->sub,
	};

	path->mul(w, tile, x, n_tokens, tmp->sums, tmp->unpacked);
	path->vector->finish(&s, n_tokens, x->e, y, stride);
}

bool llama_weights_tiled(const struct weights *w)
{
	const struct llama_path *path = llama_path_current();

	return path->mul && (layout(w->type) || path->floats) &&
	       (u64)w->row_bytes * TILE_ROWS <= TILE_MAX_BYTES;
}

void llama_weights_mul(const struct weights *w, u32 row0, u32 n_rows, const struct bfp *x,
		       u32 n_tokens, struct weights_row *tmp, q32 *y, size_t stride)
{
	const struct layout *l = layout(w->type);
	bool tiled = llama_weights_tiled(w);
	u32 row = row0, end = row0 + n_rows;

	while (row < end) {
		u32 tile = row / TILE_ROWS;

		if (tiled && row % TILE_ROWS == 0 && tile < w->n_tiles && end - row >= TILE_ROWS) {
			mul_tile(llama_path_current(), w, l, tile, x, n_tokens, tmp,
				 y + (row - row0), stride);
			row += TILE_ROWS;
		} else {
			mul_row(w, l, row, x, n_tokens, tmp, y + (row - row0), stride);
			row++;
		}
	}
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The core's integer operations on arrays, for harness/core/ops.py.
 */
#include <stdlib.h>

#include "arithmetic/bfp.h"
#include "arithmetic/fixed.h"
#include "arithmetic/floats.h"
#include "arithmetic/prepare.h"
#include "arithmetic/weights_row.h"

void llamuxu_shift_round(const s64 *v, const s32 *s, size_t n, s64 *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = shift_round(v[i], s[i]);
}

void llamuxu_scale_to_q32(const s64 *v, const s32 *e, size_t n, s64 *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = scale_to_q32(v[i], e[i]);
}

void llamuxu_exp2_neg(const u64 *x, size_t n, s32 *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = llama_exp2_neg(x[i]);
}

void llamuxu_sigmoid_from_exp(const s32 *e, size_t n, s32 *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = llama_sigmoid_from_exp(e[i]);
}

void llamuxu_isqrt(const u64 *v, size_t n, u32 *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = llama_isqrt(v[i]);
}

void llamuxu_sincos_turn(const u64 *phase, size_t n, s32 *sin, s32 *cos)
{
	for (size_t i = 0; i < n; i++)
		llama_sincos(phase[i], &sin[i], &cos[i]);
}

/* Return: 0, or the error of the first value that cannot be decoded. */
int llamuxu_f32_parts(const u32 *bits, size_t n, s32 *m, s32 *e)
{
	for (size_t i = 0; i < n; i++) {
		struct float_parts p;
		int err = llama_f32_parts(bits[i], &p);

		if (err)
			return err;
		m[i] = p.m;
		e[i] = p.e;
	}
	return 0;
}

int llamuxu_f16_parts(const u16 *bits, size_t n, s32 *m, s32 *e)
{
	for (size_t i = 0; i < n; i++) {
		struct float_parts p;
		int err = llama_f16_parts(bits[i], &p);

		if (err)
			return err;
		m[i] = p.m;
		e[i] = p.e;
	}
	return 0;
}

int llamuxu_bf16_parts(const u16 *bits, size_t n, s32 *m, s32 *e)
{
	for (size_t i = 0; i < n; i++) {
		struct float_parts p;
		int err = llama_bf16_parts(bits[i], &p);

		if (err)
			return err;
		m[i] = p.m;
		e[i] = p.e;
	}
	return 0;
}

/* Allocate an arena. */
static bool arena_open(struct llama_arena *arena, size_t size)
{
	size = (size + LLAMA_ALIGN - 1) & ~(size_t)(LLAMA_ALIGN - 1);
	*arena = (struct llama_arena){
		.base = aligned_alloc(LLAMA_ALIGN, size + LLAMA_ALIGN),
		.size = size + LLAMA_ALIGN,
	};
	if (arena->base)
		memset(arena->base, 0xa5, arena->size);
	return arena->base;
}

/*
 * llama_bfp_quantize() to vector @token of @n_tokens: @q (bfp_padded(n),), @h
 * (bfp_blocks(n),), @e (1,).
 */
int llamuxu_bfp_quantize(const s64 *v, u32 n, s32 e_in, u32 token, u32 n_tokens, s16 *q, u8 *h,
			 s32 *e)
{
	struct llama_arena arena = { 0 };
	struct bfp x;

	llama_bfp_alloc(&x, &arena, n_tokens, n);
	if (!arena_open(&arena, arena.used))
		return -ENOMEM;
	llama_bfp_alloc(&x, &arena, n_tokens, n);
	llama_bfp_quantize(&x, token, v, e_in);
	memcpy(q, x.q + (size_t)token * bfp_padded(n), sizeof(*q) * bfp_padded(n));
	memcpy(h, x.h + (size_t)token * bfp_blocks(n), bfp_blocks(n));
	*e = x.e[token];
	free(arena.base);
	return 0;
}

/**
 * struct llamuxu_weights - A matrix that owns its memory.
 * @w:     The matrix.
 * @image: Its bytes, prepared in place.
 * @arena: Memory of @w.
 */
struct llamuxu_weights {
	struct weights w;
	u8 *image;
	struct llama_arena arena;
};

void llamuxu_weights_close(struct llamuxu_weights *m)
{
	free(m->arena.base);
	free(m->image);
	free(m);
}

/* Prepare the (n_out, n_in) matrix of @size bytes at @raw. */
int llamuxu_weights_open(u32 type, u32 n_in, u32 n_out, const u8 *raw, size_t size,
			 struct llamuxu_weights **result, struct llama_diag *diag)
{
	struct gguf_tensor t = {
		.name = { "test.weight", 11 },
		.type = type,
		.n_dims = 2,
		.ne = { n_in, n_out, 1, 1 },
		.size = size,
	};
	struct llamuxu_weights *m = calloc(1, sizeof(*m));
	struct llama_arena arena = { 0 };
	struct weights_tmp tmp;
	int err = -ENOMEM;

	llama_weights_tmp_alloc(&tmp, &arena, n_in);
	if (!arena_open(&arena, arena.used) || !m)
		goto out;
	llama_weights_tmp_alloc(&tmp, &arena, n_in);
	m->image = aligned_alloc(LLAMA_ALIGN, (size + 2 * LLAMA_ALIGN - 1) / LLAMA_ALIGN * LLAMA_ALIGN);
	llama_weights_alloc(&m->w, &t, &m->arena);
	if (!m->image || !arena_open(&m->arena, m->arena.used))
		goto out;
	memcpy(m->image, raw, size);
	llama_weights_alloc(&m->w, &t, &m->arena);
	err = llama_weights_prepare(&m->w, &t, m->image, &tmp, NULL, diag);
out:
	free(arena.base);
	if (err && m)
		llamuxu_weights_close(m);
	*result = err ? NULL : m;
	return err;
}

int llamuxu_weights_embed(const struct llamuxu_weights *m, u32 row, s64 *y)
{
	struct llama_arena arena = { 0 };
	struct weights_row tmp;

	llama_weights_row_alloc(&tmp, &arena, 1, m->w.n_in);
	if (!arena_open(&arena, arena.used))
		return -ENOMEM;
	llama_weights_row_alloc(&tmp, &arena, 1, m->w.n_in);
	llama_weights_embed(&m->w, row, &tmp, y);
	free(arena.base);
	return 0;
}

/*
 * Multiply rows [row0, row0 + n_rows) with the vectors @v (n_tokens, n_in), quantized
 * from exponents @e (n_tokens,): @y (n_tokens, n_out), row0 in its column 0.
 */
int llamuxu_weights_mul(const struct llamuxu_weights *m, u32 row0, u32 n_rows, const s64 *v,
			const s32 *e, u32 n_tokens, s64 *y)
{
	struct llama_arena arena = { 0 };
	struct weights_row tmp;
	struct bfp x;

	for (int pass = 0; pass < 2; pass++) {
		if (pass && !arena_open(&arena, arena.used))
			return -ENOMEM;
		llama_bfp_alloc(&x, &arena, n_tokens, m->w.n_in);
		llama_weights_row_alloc(&tmp, &arena, n_tokens, m->w.n_in);
	}
	for (u32 t = 0; t < n_tokens; t++)
		llama_bfp_quantize(&x, t, v + (size_t)t * m->w.n_in, e[t]);
	llama_weights_mul(&m->w, row0, n_rows, &x, n_tokens, &tmp, y, m->w.n_out);
	free(arena.base);
	return 0;
}

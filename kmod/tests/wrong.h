/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Paths of which one function computes wrong
 *
 * The function calls the right one and then changes a result, mostly the last one
 * by the smallest amount.
 */
#ifndef LLAMUX_TESTS_WRONG_H
#define LLAMUX_TESTS_WRONG_H

#include "arithmetic/path.h"

/* The path whose functions are called. */
static const struct llama_path *right;

static void wrong_mul(const struct weights *w, u32 tile, const struct bfp *x, u32 n_tokens,
		      struct tile_sums out, void *buf)
{
	right->mul(w, tile, x, n_tokens, out, buf);
	out.a[n_tokens * TILE_ROWS - 1] *= -1;	/* a smaller change might be rounded off */
}

static void wrong_scores(const struct attention_scores *a)
{
	right->scores(a);
	a->dot[(a->n_rows - 1) * LLAMA_KV_CHUNK + a->n - 1]++;
}

static void wrong_values(const struct attention_values *a)
{
	right->values(a);
	a->sum[a->n_rows * a->dim - 1]++;
}

static void wrong_quantize(struct bfp *x, u32 token, const s64 *v, int e)
{
	right->vector->quantize(x, token, v, e);
	x->pair[(size_t)(token + 1) * x->n_blocks * (BFP_BLOCK / 2) - 1] ^= 1;
}

static int wrong_quantize_into(const s64 *v, u32 n, int e, s16 *q, u8 *h)
{
	e = right->vector->quantize_into(v, n, e, q, h);
	h[bfp_blocks(n) - 1] ^= 1;
	return e;
}

static int wrong_quantize1(const s64 *v, u32 n, int e, s16 *q)
{
	e = right->vector->quantize1(v, n, e, q);
	q[n - 1] ^= 1;
	return e;
}

static int wrong_normalize(const s64 *v, u32 n, s32 *a)
{
	int s = right->vector->normalize(v, n, a);

	a[n - 1] ^= 1;
	return s;
}

static void wrong_rmsnorm(struct bfp *x, u32 token, const q32 *v, const s32 *w, int e_w,
			  struct float_parts eps, const struct vector_tmp *tmp)
{
	right->vector->rmsnorm(x, token, v, w, e_w, eps, tmp);
	x->q[token * x->n_blocks * BFP_BLOCK + x->n - 1] ^= 1;
}

static void wrong_swiglu(struct bfp *x, u32 token, const q32 *gate, const q32 *up,
			 const struct vector_tmp *tmp)
{
	right->vector->swiglu(x, token, gate, up, tmp);
	x->e[token]++;
}

static int wrong_rotate(const q32 *head, u32 dim, u32 n_rot, const q30 *sin, const q30 *cos,
			const struct vector_tmp *tmp)
{
	int e = right->vector->rotate(head, dim, n_rot, sin, cos, tmp);

	tmp->wide[n_rot - 1]++;
	return e;
}

static void wrong_finish(const struct vector_sums *s, u32 n_tokens, const s32 *e, q32 *y,
			 size_t stride)
{
	right->vector->finish(s, n_tokens, e, y, stride);
	y[(n_tokens - 1) * stride + VECTOR_ROWS - 1]++;
}

static void wrong_add(q32 *x, const q32 *y, u32 n)
{
	right->vector->add(x, y, n);
	x[n - 1]++;
}

static void wrong_to_q16(const q32 *y, u32 n, q16 *out)
{
	right->vector->to_q16(y, n, out);
	out[n - 1] ^= 1;
}

static void wrong_score(const s64 *dot, const s16 *e_k, const s16 *e_v, int e_q, u32 n, q20 *score,
			struct vector_top *top)
{
	right->vector->score(dot, e_k, e_v, e_q, n, score, top);
	top->e_v++;
}

static u64 wrong_weigh(const q20 *score, const s16 *e_v, u32 n, const struct vector_top *top,
		       s64 *w)
{
	return right->vector->weigh(score, e_v, n, top, w) + 1;
}

static void wrong_output(const s32 *a, u32 n, s32 inv, int e, q32 *out)
{
	right->vector->output(a, n, inv, e, out);
	out[n - 1]++;
}

static q16 wrong_most(const q16 *logits, u32 n)
{
	return right->vector->most(logits, n) - 1;
}

static u64 wrong_mass(const q16 *logits, u32 n, q16 max)
{
	return right->vector->mass(logits, n, max) + 1;
}

static void wrong_split(const s16 *x, u32 n, s16 *hi, s16 *lo)
{
	right->vector->split(x, n, hi, lo);
	lo[n - 1] ^= 1;
}

#define WRONG(name) { #name, offsetof(struct vector_ops, name), (void *)wrong_##name }

/* The functions of struct vector_ops in its order, behind those of struct llama_path. */
static const struct wrong_function {
	const char *found;	/* result of the self-test */
	size_t offset;
	void *function;
} wrong_functions[] = {
	{ "Q4_0", offsetof(struct llama_path, mul), (void *)wrong_mul },
	{ "scores", offsetof(struct llama_path, scores), (void *)wrong_scores },
	{ "values", offsetof(struct llama_path, values), (void *)wrong_values },
	WRONG(quantize), WRONG(quantize_into), WRONG(quantize1), WRONG(normalize), WRONG(rmsnorm),
	WRONG(swiglu), WRONG(rotate), WRONG(finish), WRONG(add), WRONG(to_q16), WRONG(score),
	WRONG(weigh), WRONG(output), WRONG(most), WRONG(mass), WRONG(split),
};

#define OF_PATH 3

static_assert(ARRAY_SIZE(wrong_functions) - OF_PATH == sizeof(struct vector_ops) / sizeof(void *));

/* Copy @of to @path and @ops with function @i wrong. Return: whether @of has function @i. */
static bool make_wrong(const struct llama_path *of, u32 i, struct llama_path *path,
		       struct vector_ops *ops)
{
	const struct wrong_function *wrong = &wrong_functions[i];
	u8 *base = i < OF_PATH ? (u8 *)path : (u8 *)ops;

	right = of;
	*path = *of;
	*ops = *of->vector;
	path->vector = ops;
	memcpy(base + wrong->offset, &wrong->function, sizeof(wrong->function));
	return i || of->mul;
}

#endif

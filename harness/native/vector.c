// SPDX-License-Identifier: GPL-2.0
/* Operations of the path in use, for tests. */
#include "arithmetic/path.h"

static const struct vector_ops *ops(void)
{
	return llama_path_current()->vector;
}

void llamuxu_quantize(struct bfp *x, const s64 *v, int e)
{
	ops()->quantize(x, 0, v, e);
}

int llamuxu_quantize_into(const s64 *v, u32 n, int e, s16 *q, u8 *h)
{
	return ops()->quantize_into(v, n, e, q, h);
}

int llamuxu_quantize1(const s64 *v, u32 n, int e, s16 *q)
{
	return ops()->quantize1(v, n, e, q);
}

int llamuxu_normalize(const s64 *v, u32 n, s32 *a)
{
	return ops()->normalize(v, n, a);
}

void llamuxu_rmsnorm(struct bfp *x, const q32 *v, const s32 *w, int e_w, s32 eps_m, s32 eps_e,
		     const struct vector_tmp *tmp)
{
	ops()->rmsnorm(x, 0, v, w, e_w, (struct float_parts){ eps_m, eps_e }, tmp);
}

void llamuxu_swiglu(struct bfp *x, const q32 *gate, const q32 *up, const struct vector_tmp *tmp)
{
	ops()->swiglu(x, 0, gate, up, tmp);
}

int llamuxu_rotate(const q32 *head, u32 dim, u32 n_rot, const q30 *sin, const q30 *cos,
		   const struct vector_tmp *tmp)
{
	return ops()->rotate(head, dim, n_rot, sin, cos, tmp);
}

void llamuxu_finish(const struct vector_sums *s, u32 n_tokens, const s32 *e, q32 *y, size_t stride)
{
	ops()->finish(s, n_tokens, e, y, stride);
}

void llamuxu_add(q32 *x, const q32 *y, u32 n)
{
	ops()->add(x, y, n);
}

void llamuxu_to_q16(const q32 *y, u32 n, q16 *out)
{
	ops()->to_q16(y, n, out);
}

void llamuxu_score(const s64 *dot, const s16 *e_k, const s16 *e_v, int e_q, u32 n, q20 *score,
		   struct vector_top *top)
{
	ops()->score(dot, e_k, e_v, e_q, n, score, top);
}

u64 llamuxu_weigh(const q20 *score, const s16 *e_v, u32 n, const struct vector_top *top, s64 *w)
{
	return ops()->weigh(score, e_v, n, top, w);
}

void llamuxu_output(const s32 *a, u32 n, s32 inv, int e, q32 *out)
{
	ops()->output(a, n, inv, e, out);
}

void llamuxu_split(const s16 *x, u32 n, s16 *hi, s16 *lo)
{
	ops()->split(x, n, hi, lo);
}

void llamuxu_scores(const struct attention_scores *a)
{
	llama_path_current()->scores(a);
}

void llamuxu_values(const struct attention_values *a)
{
	llama_path_current()->values(a);
}

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: State of a pass, for the files that compute it
 */
#ifndef LLAMA_PASS_H
#define LLAMA_PASS_H

#include "arithmetic/path.h"
#include "model/llama.h"

#define SLICE_BYTES (256u << 10)	/* bytes of weights or keys between two yield points */

/* State of a call of llama_forward(). */
struct pass {
	const struct llama_model *m;
	struct llama_scratch *s;
	struct llama_kv *kv;
	const struct llama_yield *yield;
	const struct llama_path *path;
	u32 n_tokens;
	u32 pos;
};

/* Return the number of workers that compute. */
static inline u32 n_workers(const struct pass *p)
{
	return p->s->team ? p->s->team->n_workers : 1;
}

/* Execute @n rounds of @fn on the team. */
static inline int run(const struct pass *p, void (*fn)(void *arg, u32 i, u32 worker),
		      const void *arg, u32 n)
{
	const struct llama_loop loop = { .fn = fn, .arg = (void *)arg, .n = n };

	return llama_team_run(p->s->team, &loop, p->yield);
}

/* Execute @n short rounds; without the team if the batch is a single token. */
static inline int run_small(const struct pass *p, void (*fn)(void *arg, u32 i, u32 worker),
			    const void *arg, u32 n)
{
	u32 i;

	if (p->n_tokens > 1)
		return run(p, fn, arg, n);
	for (i = 0; i < n; i++)
		fn((void *)arg, i, 0);
	return 0;
}

/* Execute a short round for each token. */
static inline int each_token(const struct pass *p, void (*fn)(void *arg, u32 t, u32 worker),
			     const void *arg)
{
	return run_small(p, fn, arg, p->n_tokens);
}

static inline u32 divide_up(u32 a, u32 b)
{
	return (a + b - 1) / b;
}

#endif

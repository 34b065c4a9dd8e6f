// SPDX-License-Identifier: GPL-2.0
#include "generation/score.h"

#define PASS LLAMA_MAX_DRAFT	/* tokens of a candidate in a pass: rows of logits minus one */

int llama_score_init(struct llama_score *s, struct llama_generation *g)
{
	memset(s, 0, sizeof(*s));
	s->g = g;
	s->done = true;
	return g->done || g->n_tokens != g->n_prompt ? -EINVAL : 0;
}

size_t llama_score_scratch(const struct llama_generation *g, size_t n)
{
	size_t max_ids, scratch;

	llama_tokenize_bounds(&g->m->vocab, n, &max_ids, &scratch);
	return scratch;
}

/* Return the first token from @id on that ends an answer, or n_vocab. */
static u32 next_end(const struct llama_vocab *v, u32 id)
{
	while (id < v->n_vocab && !llama_vocab_is_eog(v, id))
		id++;
	return id;
}

/* Return the likeliest of the tokens that end an answer. There is at least one. */
static u32 likeliest_end(const struct llama_vocab *v, const q16 *logits)
{
	u32 best = next_end(v, 0);
	u32 id;

	for (id = best; id < v->n_vocab; id = next_end(v, id + 1))
		if (logits[id] > logits[best])
			best = id;
	return best;
}

/* Add the score of the next token, from row @row of the logits. */
static void score_token(struct llama_score *s, u32 row)
{
	const struct llama_generation *g = s->g;
	const q16 *logits = g->logits + (size_t)row * g->m->n_vocab;
	u32 id = s->n < s->n_tokens ? g->tokens[g->n_prompt + s->n] :
				      likeliest_end(&g->m->vocab, logits);

	s->log_prob += llama_log_prob(logits, g->m->n_vocab, id);
	s->n++;
	s->done = s->n == s->n_scored;
}

int llama_score_begin(struct llama_score *s, struct gguf_str text, bool end, void *tmp,
		      const struct llama_yield *yield, struct llama_diag *diag)
{
	const struct llama_generation *g = s->g;
	const struct llama_vocab *v = &g->m->vocab;
	u32 room = g->scratch.n_ctx - g->n_prompt;
	long n = llama_tokenize(v, text.data, text.len, LLAMA_TOKENIZE_CONT,
				g->tokens + g->n_prompt, room, tmp, yield);

	s->done = true;
	if (n == -ENOSPC)
		return llama_fail(diag, -EMSGSIZE,
				  "behind the prompt the context has room for %u tokens", room);
	if (n < 0)
		return n;
	s->n_tokens = n;
	s->n_scored = n + (end && next_end(v, 0) < v->n_vocab);
	s->n = 0;
	s->log_prob = 0;
	s->done = !s->n_scored;
	if (s->known && !s->done)
		score_token(s, 0);
	return 0;
}

/* The last scored token need not be evaluated. */
u32 llama_score_batch(const struct llama_score *s)
{
	u32 n = s->known ? min_t(u32, s->n_scored - s->n, PASS) : s->g->n_prompt - s->g->n_past;

	return s->done ? 0 : min(n, s->g->scratch.n_batch);
}

/* Return the position of the next token to evaluate. */
static u32 position(const struct llama_score *s)
{
	return s->known ? s->g->n_prompt + s->n - 1 : s->g->n_past;
}

u32 llama_score_positions(const struct llama_score *s)
{
	return position(s) + llama_score_batch(s);
}

/* An answer to the prompt evaluates its last token again. */
static int evaluate_prompt(struct llama_score *s, struct llama_kv *kv,
			   const struct llama_yield *yield)
{
	struct llama_generation *g = s->g;
	u32 n = llama_score_batch(s);
	bool last = g->n_past + n == g->n_prompt;
	int err = llama_forward(g->m, &g->scratch, kv, g->tokens + g->n_past, n, g->n_past,
				g->logits, last, yield);

	if (err)
		return err;
	g->n_past += n - last;
	s->known = last;
	if (last)
		score_token(s, 0);
	return 0;
}

int llama_score_step(struct llama_score *s, struct llama_kv *kv, const struct llama_yield *yield)
{
	struct llama_generation *g = s->g;
	u32 n = llama_score_batch(s), pos = position(s);
	u32 row;
	int err;

	if (s->done)
		return 0;
	if (!s->known)
		return evaluate_prompt(s, kv, yield);
	err = llama_forward(g->m, &g->scratch, kv, g->tokens + pos, n, pos,
			    g->logits + g->m->n_vocab, n, yield);
	if (err)
		return err;
	for (row = 1; row <= n; row++)
		score_token(s, row);
	return 0;
}

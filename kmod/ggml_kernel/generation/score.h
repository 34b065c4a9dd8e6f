/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: How likely given texts are as the answer
 *
 * docs/sampling.md is the law. The prompt is evaluated once; one candidate
 * after the other takes the positions behind it.
 */
#ifndef LLAMA_SCORE_H
#define LLAMA_SCORE_H

#include "generation/generation.h"

/**
 * struct llama_score - Of one candidate after the other.
 * @g:        With the prompt. Its logits are this one's.
 * @known:    Their first row are those behind the prompt.
 * @done:     The candidate's score is complete.
 * @n_tokens: Of the candidate, behind the prompt's.
 * @n_scored: Tokens to score: those and perhaps the answer's end.
 * @n:        Scored so far.
 * @log_prob: Sum of their log-probabilities, natural, Q16.
 */
struct llama_score {
	struct llama_generation *g;
	bool known;
	bool done;
	u32 n_tokens;
	u32 n_scored;
	u32 n;
	s64 log_prob;
};

/**
 * llama_score_init() - Score candidates for the prompt that @g has begun to answer.
 * @s: Filled.
 * @g: With a prompt, and nothing of the answer yet.
 *
 * @g may not be used otherwise meanwhile. Afterwards it can answer the prompt, of
 * which it has all evaluated but the last token.
 *
 * Return: 0, or -EINVAL where the answer has begun or there is no prompt.
 */
int llama_score_init(struct llama_score *s, struct llama_generation *g);

/** llama_score_scratch() - Bytes that llama_score_begin() wants for a text of @n bytes. */
size_t llama_score_scratch(const struct llama_generation *g, size_t n);

/**
 * llama_score_begin() - Begin with a candidate.
 * @s:    Its previous candidate is scored, or given up.
 * @text: Plain text; follows the prompt byte by byte.
 * @end:  Score the answer's end behind it, too, where the vocabulary has one.
 * @tmp:  llama_score_scratch() bytes, aligned to 64; free again afterwards.
 * @yield: Called between pieces of bounded work; may be NULL.
 * @diag: Names what is wrong where this fails.
 *
 * Return: 0; -EMSGSIZE where the context has no room for it; or the hook's value.
 */
int llama_score_begin(struct llama_score *s, struct gguf_str text, bool end, void *tmp,
		      const struct llama_yield *yield, struct llama_diag *diag);

/** llama_score_batch() - Tokens that the next step evaluates. */
u32 llama_score_batch(const struct llama_score *s);

/** llama_score_positions() - Positions that the KV cache must have room for in the next step. */
u32 llama_score_positions(const struct llama_score *s);

/**
 * llama_score_step() - One batch of the prompt, or of the candidate.
 * @s:     Not done.
 * @kv:    With room for llama_score_positions().
 * @yield: Called between pieces of bounded work; may be NULL.
 *
 * Where the hook stops it, nothing has changed and the step can be made again.
 *
 * Return: 0 or the hook's value.
 */
int llama_score_step(struct llama_score *s, struct llama_kv *kv, const struct llama_yield *yield);

#endif

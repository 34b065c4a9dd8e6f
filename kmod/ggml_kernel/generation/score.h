/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Scores of given answers
 *
 * Specified in docs/sampling.md. The prompt is evaluated once. The candidates are
 * evaluated one after the other in the positions behind it.
 */
#ifndef LLAMA_SCORE_H
#define LLAMA_SCORE_H

#include "generation/generation.h"

/**
 * struct llama_score - Log-probability of a candidate answer.
 * @g:        Generation with the prompt. Its logits are in use.
 * @known:    The first row of the logits is that of the prompt's last token.
 * @done:     The candidate's score is complete.
 * @n_tokens: Number of the candidate's tokens, behind the prompt's.
 * @n_scored: Number of tokens to score: those, and perhaps the end of the answer.
 * @n:        Number of tokens scored so far.
 * @log_prob: Sum of their natural log-probabilities, Q16.
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
 * @g: Generation with a prompt, whose answer has not begun.
 *
 * The caller must not use @g otherwise while it scores. Afterwards @g can answer the
 * prompt: all its tokens except the last are evaluated.
 *
 * Return: 0, or -EINVAL if the answer has begun or there is no prompt.
 */
int llama_score_init(struct llama_score *s, struct llama_generation *g);

/** llama_score_scratch() - Return the bytes that llama_score_begin() needs for @n bytes of text. */
size_t llama_score_scratch(const struct llama_generation *g, size_t n);

/**
 * llama_score_begin() - Begin with a candidate.
 * @s:    Score; an earlier candidate ends.
 * @text: Plain text that follows the prompt.
 * @end:  Score the end of the answer too, if the vocabulary has a token for it.
 * @tmp:  llama_score_scratch() bytes, aligned to 64; free again afterwards.
 * @yield: Called between pieces of bounded work; may be NULL.
 * @diag: Names the cause on failure.
 *
 * Return: 0; -EMSGSIZE if it does not fit the context; or the hook's value.
 */
int llama_score_begin(struct llama_score *s, struct gguf_str text, bool end, void *tmp,
		      const struct llama_yield *yield, struct llama_diag *diag);

/** llama_score_batch() - Return the number of tokens that the next step evaluates. */
u32 llama_score_batch(const struct llama_score *s);

/** llama_score_positions() - Return the KV cache positions that the next step needs. */
u32 llama_score_positions(const struct llama_score *s);

/**
 * llama_score_step() - Evaluate a batch of the prompt or of the candidate.
 * @s:     Score that is not done.
 * @kv:    KV cache with llama_score_positions() positions.
 * @yield: Called between pieces of bounded work; may be NULL.
 *
 * If the hook stops the step, nothing has changed, and the step can be repeated.
 *
 * Return: 0 or the hook's value.
 */
int llama_score_step(struct llama_score *s, struct llama_kv *kv, const struct llama_yield *yield);

#endif

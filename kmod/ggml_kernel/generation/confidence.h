/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Confidence of a model in its answer
 *
 * Specified in docs/sampling.md. It is computed from the logits of the model, before
 * options change them.
 */
#ifndef LLAMA_CONFIDENCE_H
#define LLAMA_CONFIDENCE_H

#include "arithmetic/fixed.h"

/**
 * struct llama_confidence - Sums over tokens.
 * @n:        Number of tokens.
 * @log_prob: Sum of their natural log-probabilities, Q16; at most 0.
 * @margin:   Sum of their logits minus the best other token's, Q16; a summand is below 0 if
 *   another token was likelier.
 */
struct llama_confidence {
	u32 n;
	s64 log_prob;
	s64 margin;
};

/** llama_confidence_add() - Add @token, chosen from @logits (n_vocab,), n_vocab at least 2. */
void llama_confidence_add(struct llama_confidence *c, const q16 *logits, u32 n_vocab, u32 token);

/** llama_log_prob() - Return the natural log-probability of @token, Q16. */
s64 llama_log_prob(const q16 *logits, u32 n_vocab, u32 token);

/** llama_log_prob_mean() - Return the mean log-probability of the tokens so far; 0 for none. */
static inline s64 llama_log_prob_mean(const struct llama_confidence *c)
{
	return c->n ? c->log_prob / (s64)c->n : 0;
}

/** llama_margin_mean() - Return the mean margin of the tokens so far; 0 for none. */
static inline s64 llama_margin_mean(const struct llama_confidence *c)
{
	return c->n ? c->margin / (s64)c->n : 0;
}

#endif

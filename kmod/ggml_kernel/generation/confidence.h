/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: How sure a model was of what it said
 *
 * docs/sampling.md is the law. What counts is what the model itself gave the
 * token, before any option changed it.
 */
#ifndef LLAMA_CONFIDENCE_H
#define LLAMA_CONFIDENCE_H

#include "arithmetic/fixed.h"

/**
 * struct llama_confidence - Sums over tokens.
 * @n:        Tokens.
 * @log_prob: Their log-probabilities, natural, Q16; never above zero.
 * @margin:   Their logits less the best other token's, Q16; below zero where
 *   another was the likelier one.
 */
struct llama_confidence {
	u32 n;
	s64 log_prob;
	s64 margin;
};

/** llama_confidence_add() - Count @token, one of the @n_vocab (2 or more) that have @logits. */
void llama_confidence_add(struct llama_confidence *c, const q16 *logits, u32 n_vocab, u32 token);

/** llama_log_prob() - The log-probability of @token, natural, Q16. */
s64 llama_log_prob(const q16 *logits, u32 n_vocab, u32 token);

/** llama_log_prob_mean() - Of the tokens so far; 0 for none. */
static inline s64 llama_log_prob_mean(const struct llama_confidence *c)
{
	return c->n ? c->log_prob / (s64)c->n : 0;
}

/** llama_margin_mean() - Likewise. */
static inline s64 llama_margin_mean(const struct llama_confidence *c)
{
	return c->n ? c->margin / (s64)c->n : 0;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Figures: what is counted
 *
 * Figures tell people and programs how much was computed and how long that took. There are
 * those of a conversation's latest answer, and totals since the module was loaded. Both can be
 * read at any time without a lock.
 */
#ifndef LLAMUX_FIGURES_H
#define LLAMUX_FIGURES_H

#include <linux/types.h>

/**
 * struct llamux_figures - Figures of an answer.
 * @prompt_tokens: Tokens of the prompt, with all earlier turns.
 * @reused:     Tokens of the prompt that were in the cache already.
 * @tokens:     Tokens of the answer.
 * @drafted:    Draft tokens.
 * @accepted:   Draft tokens that were accepted.
 * @ttft_us:    Microseconds from the first read to the first byte.
 * @prefill_us: Microseconds that the prompt took.
 * @decode_us:  Microseconds that the answer took.
 * @sampled:    Tokens that the next two are sums over.
 * @log_prob:   Sum of natural log-probabilities, Q16.
 * @margin:     Sum of tokens' logits less those of the best other tokens, Q16.
 */
struct llamux_figures {
	u64 prompt_tokens;
	u64 reused;
	u64 tokens;
	u64 drafted;
	u64 accepted;
	u64 ttft_us;
	u64 prefill_us;
	u64 decode_us;
	u64 sampled;
	s64 log_prob;
	s64 margin;
};

/** llamux_figures_copy() - Copy figures of which one side is shared: each number is whole. */
void llamux_figures_copy(struct llamux_figures *to, const struct llamux_figures *from);

/**
 * enum llamux_total - Totals since the module was loaded.
 * @LLAMUX_ANSWERS:       Completed answers.
 * @LLAMUX_INTERRUPTED:   Steps that were stopped or failed.
 * @LLAMUX_PROMPT_TOKENS: Evaluated tokens of prompts.
 * @LLAMUX_TOKENS:        Generated tokens.
 * @LLAMUX_PREFILL_US:    Microseconds for tokens of prompts.
 * @LLAMUX_DECODE_US:     Microseconds for generated tokens.
 * @LLAMUX_REUSED:        Tokens of prompts that were in a cache already.
 * @LLAMUX_DRAFTED:       Draft tokens.
 * @LLAMUX_ACCEPTED:      Draft tokens that were accepted.
 * @LLAMUX_TOTALS:        Number of totals.
 */
enum llamux_total {
	LLAMUX_ANSWERS,
	LLAMUX_INTERRUPTED,
	LLAMUX_PROMPT_TOKENS,
	LLAMUX_TOKENS,
	LLAMUX_PREFILL_US,
	LLAMUX_DECODE_US,
	LLAMUX_REUSED,
	LLAMUX_DRAFTED,
	LLAMUX_ACCEPTED,
	LLAMUX_TOTALS,
};

/** llamux_figures_count() - Add @n to a total. */
void llamux_figures_count(enum llamux_total total, u64 n);

/** llamux_figures_total() - Return: a total. */
u64 llamux_figures_total(enum llamux_total total);

#endif

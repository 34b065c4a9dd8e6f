/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: What is counted: of an answer, and since the module was loaded
 */
#ifndef LLAMUX_FIGURES_H
#define LLAMUX_FIGURES_H

#include <linux/types.h>

/**
 * struct llamux_figures - Of the latest answer of a conversation, for people and programs.
 * @prompt_tokens: With all earlier turns.
 * @reused: Of them, not evaluated again.
 * @tokens: Of the answer.
 * @drafted: Guessed ahead.
 * @accepted: Of them, right.
 * @ttft_us: Microseconds from the first reader to the first byte.
 * @prefill_us: For the prompt.
 * @decode_us: For the answer.
 * @sampled: Tokens that the next two are sums over.
 * @log_prob: Q16, natural.
 * @margin: Q16.
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

/** llamux_figures_copy() - While others read @to, or write @from: each figure is whole. */
void llamux_figures_copy(struct llamux_figures *to, const struct llamux_figures *from);

/**
 * enum llamux_total - Since the module was loaded.
 * @LLAMUX_ANSWERS:       Completed.
 * @LLAMUX_INTERRUPTED:   Steps that did not get to their end.
 * @LLAMUX_PROMPT_TOKENS: Evaluated.
 * @LLAMUX_TOKENS:        Generated.
 * @LLAMUX_PREFILL_US:    Time for the former.
 * @LLAMUX_DECODE_US:     Time for the latter.
 * @LLAMUX_REUSED:        Tokens of prompts that were not evaluated again.
 * @LLAMUX_DRAFTED:       Tokens guessed ahead.
 * @LLAMUX_ACCEPTED:      Those of them that were right.
 * @LLAMUX_TOTALS:        How many there are.
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

/** llamux_count() - @n more of @what. */
void llamux_count(enum llamux_total what, u64 n);

/** llamux_total() - So far. */
u64 llamux_total(enum llamux_total what);

#endif

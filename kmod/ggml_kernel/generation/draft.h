/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Speculation by prompt look-up
 *
 * If the last three tokens occurred before, the tokens that followed them then
 * are a draft of the tokens that follow now. The next pass checks a draft
 * together with the token before it, so that accepted tokens cost little.
 */
#ifndef LLAMA_DRAFT_H
#define LLAMA_DRAFT_H

#include "base/port.h"

#define LLAMA_MAX_DRAFT 7	/* tokens: with the one before them a batch of eight */

/**
 * struct llama_draft - Length of the next draft, learnt from earlier ones.
 * @most: Largest number of tokens of a draft; 0 for no drafts.
 * @next: Largest number of tokens of the next draft.
 * @wait: Number of tokens to generate before the next draft.
 * @misses: Number of drafts in succession of which no token was accepted.
 */
struct llama_draft {
	u32 most;
	u32 next;
	u32 wait;
	u32 misses;
};

/** llama_draft_init() - Begin an answer with drafts of at most @most tokens. */
void llama_draft_init(struct llama_draft *d, u32 most);

/**
 * llama_draft_plan() - Draft the tokens that follow.
 * @d:        State.
 * @tokens:   (n_tokens + most,) known tokens; the draft is written behind them.
 * @n_tokens: Number of known tokens.
 * @most:     Room for a draft.
 *
 * Return: number of draft tokens, perhaps 0.
 */
u32 llama_draft_plan(struct llama_draft *d, u32 *tokens, u32 n_tokens, u32 most);

/** llama_draft_judge() - Learn from a draft of @n tokens of which @accepted were right. */
void llama_draft_judge(struct llama_draft *d, u32 n, u32 accepted);

#endif

// SPDX-License-Identifier: GPL-2.0
#include "generation/draft.h"

#define LOOK_BACK 8192	/* tokens that are searched */
#define N_GRAM 3	/* tokens that must have occurred before; drafts after fewer mostly fail */
#define FIRST_DRAFT 1	/* tokens of a first draft */

void llama_draft_init(struct llama_draft *d, u32 most)
{
	*d = (struct llama_draft){
		.most = most,
		.next = min_t(u32, most, FIRST_DRAFT),
	};
}

/*
 * Return the index behind the latest earlier occurrence of the last N_GRAM tokens, or 0.
 */
static u32 look_up(const u32 *tokens, u32 n_tokens)
{
	const u32 *end = tokens + n_tokens - N_GRAM;
	u32 last = n_tokens - N_GRAM;
	u32 first = last > LOOK_BACK ? last - LOOK_BACK : 0;
	u32 at;

	for (at = last; at > first; at--)
		if (!memcmp(tokens + at - 1, end, N_GRAM * sizeof(*end)))
			return at - 1 + N_GRAM;
	return 0;
}

u32 llama_draft_plan(struct llama_draft *d, u32 *tokens, u32 n_tokens, u32 most)
{
	u32 from = 0, n;

	most = min(most, d->next);
	if (d->wait) {
		d->wait--;
		return 0;
	}
	if (most && n_tokens > N_GRAM)
		from = look_up(tokens, n_tokens);
	if (!from)
		return 0;
	/* The source may overlap the draft, which then repeats itself. */
	for (n = 0; n < most; n++)
		tokens[n_tokens + n] = tokens[from + n];
	return n;
}

/*
 * To check a token takes about half the time of generating one. Drafts that fail must become
 * rare, and drafts that are accepted longer.
 */
void llama_draft_judge(struct llama_draft *d, u32 n, u32 accepted)
{
	if (accepted == n)
		d->next = min(2 * n, d->most);
	else
		d->next = min(accepted + 1, d->most);
	if (accepted) {
		d->misses = 0;
	} else {
		d->misses = min(d->misses + 1, 6u);
		d->wait = (2 << d->misses) - 1;
	}
}

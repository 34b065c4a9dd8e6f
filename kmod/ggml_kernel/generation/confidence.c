// SPDX-License-Identifier: GPL-2.0
#include "generation/confidence.h"
#include "arithmetic/path.h"

#define PIECE 4096	/* logits between two pauses */

/* ln(v / 2^30), Q16, for v of at least 2^30. */
static s64 ln_q16(u64 v)
{
	int len = bit_length(v);
	u64 y = len > 32 ? v >> (len - 32) : v << (32 - len);
	u64 log = len - 31;
	int i;

	for (i = 0; i < 20; i++) {
		u64 square = y * y;
		u64 bit = square >> 63;

		log = log << 1 | bit;
		y = square >> (bit ? 32 : 31);
	}
	return (log * LN2_Q30) >> 34;
}

/* Return the largest of (n,) logits; S32_MIN if n is 0. */
static q16 most(const q16 *logits, u32 n)
{
	const struct llama_path *path = llama_path_current();
	q16 top = S32_MIN;
	u32 at;

	llama_path_begin(path);
	for (at = 0; at < n; at += PIECE) {
		q16 piece = path->vector->most(logits + at, min_t(u32, n - at, PIECE));

		top = max(top, piece);
		llama_path_pause(path);
	}
	llama_path_end(path);
	return top;
}

/* Return the log-probability of a logit among (n,) of which @max is the largest. */
static s64 log_prob(q16 logit, const q16 *logits, u32 n, q16 max)
{
	const struct llama_path *path = llama_path_current();
	u64 mass = 0;
	u32 at;

	llama_path_begin(path);
	for (at = 0; at < n; at += PIECE) {
		mass += path->vector->mass(logits + at, min_t(u32, n - at, PIECE), max);
		llama_path_pause(path);
	}
	llama_path_end(path);
	return (s64)logit - max - ln_q16(mass);
}

s64 llama_log_prob(const q16 *logits, u32 n_vocab, u32 token)
{
	return log_prob(logits[token], logits, n_vocab, most(logits, n_vocab));
}

void llama_confidence_add(struct llama_confidence *c, const q16 *logits, u32 n_vocab, u32 token)
{
	q16 before = most(logits, token);
	q16 behind = most(logits + token + 1, n_vocab - token - 1);
	q16 other = max(before, behind);

	c->n++;
	c->log_prob += log_prob(logits[token], logits, n_vocab, max(other, logits[token]));
	c->margin += (s64)logits[token] - other;
}

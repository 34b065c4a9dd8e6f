/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Sampling of the next token, in integers
 *
 * Specified in docs/sampling.md. The steps are, in this order: repetition penalty,
 * temperature, top-k, min-p, top-p, draw.
 */
#ifndef LLAMA_SAMPLER_H
#define LLAMA_SAMPLER_H

#include "arithmetic/fixed.h"

#define LLAMA_REPEAT_WINDOW 64	/* tokens that the repetition penalty looks back on */

/**
 * struct llama_sampler_params - Parameters of sampling; ratios in Q16 (65536 is 1).
 * @temperature:    0 is greedy; at most 16 << 16.
 * @top_k:          Number of tokens to keep; 0 keeps all.
 * @top_p:          Keep the smallest set of this probability; 1 << 16 keeps all. Above 0.
 * @min_p:          Drop tokens less probable than this times the most probable. At most 1 << 16.
 * @repeat_penalty: 1 << 16 is off; from 1 << 15 up to 16 << 16.
 * @seed:           Seed of the random generator.
 */
struct llama_sampler_params {
	u32 temperature;
	u32 top_k;
	u32 top_p;
	u32 min_p;
	u32 repeat_penalty;
	u64 seed;
};

/**
 * struct llama_sampler - Sampler of a conversation.
 * @params: Checked by llama_sampler_init().
 * @state:  State of the random generator.
 * @recent: (LLAMA_REPEAT_WINDOW,) ring of the latest tokens, prompt included.
 * @n_recent: Number of tokens accepted so far.
 */
struct llama_sampler {
	struct llama_sampler_params params;
	u64 state;
	u32 recent[LLAMA_REPEAT_WINDOW];
	u64 n_recent;
};

/** llama_sampler_scratch() - Return the scratch bytes that llama_sample() needs. */
size_t llama_sampler_scratch(u32 n_vocab);

/** llama_sampler_init() - Initialise a sampler. Return: 0, or -EINVAL (@diag says why). */
int llama_sampler_init(struct llama_sampler *s, const struct llama_sampler_params *p,
		       struct llama_diag *diag);

/** llama_sampler_accept() - Add a token of the prompt or the answer to the recent ones. */
void llama_sampler_accept(struct llama_sampler *s, u32 token);

/**
 * llama_sample() - Choose a token without accepting it.
 * @s:       Sampler; its random generator advances at temperatures above 0.
 * @logits:  (n_vocab,) Q16.16. Not changed.
 * @n_vocab: At most LLAMA_MAX_VOCAB.
 * @mask:    (n_vocab) bits, 64 to a word, of the tokens allowed; NULL allows all.
 * @scratch: llama_sampler_scratch() bytes, aligned to 64.
 *
 * Return: the token, or -ENOENT if the mask allows none.
 */
long llama_sample(struct llama_sampler *s, const q16 *logits, u32 n_vocab,
		  const u64 *mask, void *scratch);

/**
 * llama_parse_q16() - Convert a decimal, for example "0.7", to Q16, rounded to nearest.
 * @text: (n,) digits and at most one point, no sign or exponent; value below
 *   32768. One digit at least: ".5" and "5." are numbers.
 * @n:    Bytes at @text.
 * @v:    Result; unchanged on failure.
 *
 * Return: 0, or -EINVAL.
 */
int llama_parse_q16(const char *text, size_t n, u32 *v);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Choosing the next token, in integers
 *
 * docs/sampling.md is the law. The order of the steps:
 * repetition penalty, temperature, top-k, min-p, top-p, draw.
 */
#ifndef LLAMA_SAMPLER_H
#define LLAMA_SAMPLER_H

#include "arithmetic/fixed.h"

#define LLAMA_REPEAT_WINDOW 64	/* tokens that the repetition penalty looks back on */

/**
 * struct llama_sampler_params - How to choose. All ratios in Q16 (65536 is 1).
 * @temperature:    0 is greedy; at most 16 << 16.
 * @top_k:          Keep this many; 0 keeps all.
 * @top_p:          Keep the smallest set of this probability; 1 << 16 keeps all. Above 0.
 * @min_p:          Drop what is less probable than this times the most probable. At most 1 << 16.
 * @repeat_penalty: 1 << 16 is off; from 1 << 15 up to 16 << 16.
 * @seed:           Of the generator.
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
 * struct llama_sampler - One conversation's sampler.
 * @params: Checked by llama_sampler_init().
 * @state:  Of the random generator.
 * @recent: (LLAMA_REPEAT_WINDOW,) ring of the latest tokens, prompt included.
 * @n_recent: Tokens accepted so far, all together.
 */
struct llama_sampler {
	struct llama_sampler_params params;
	u64 state;
	u32 recent[LLAMA_REPEAT_WINDOW];
	u64 n_recent;
};

/** llama_sampler_scratch() - Bytes of scratch that llama_sample() wants. */
size_t llama_sampler_scratch(u32 n_vocab);

/** llama_sampler_init() - Return: 0, or -EINVAL with @diag naming the parameter. */
int llama_sampler_init(struct llama_sampler *s, const struct llama_sampler_params *p,
		       struct llama_diag *diag);

/** llama_sampler_accept() - Note a token of the prompt or of the answer. */
void llama_sampler_accept(struct llama_sampler *s, u32 token);

/**
 * llama_sample() - Choose a token. Does not accept it.
 * @s:       Its generator moves on, at temperatures above 0.
 * @logits:  (n_vocab,) Q16.16. Not changed.
 * @n_vocab: At most LLAMA_MAX_VOCAB.
 * @mask:    (n_vocab) bits, 64 to a word, of the tokens allowed; NULL allows all.
 * @scratch: llama_sampler_scratch() bytes, aligned to 64.
 *
 * Return: the token, or -ENOENT where the mask allows none.
 */
long llama_sample(struct llama_sampler *s, const q16 *logits, u32 n_vocab,
		  const u64 *mask, void *scratch);

/**
 * llama_parse_q16() - A decimal such as "0.7" to Q16, rounded to nearest.
 * @text: (n,) digits and at most one point, no sign or exponent; value below
 *   32768. One digit at least: ".5" and "5." are numbers.
 * @n:    Bytes at @text.
 * @v:    Result; untouched on failure.
 *
 * Return: 0, or -EINVAL.
 */
int llama_parse_q16(const char *text, size_t n, u32 *v);

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz the sampler: with any parameters, logits and mask it must return an error
 * or a token that the mask allows, and the same again from the same state.
 */
#include <stdlib.h>

#include "llama_core.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define MAX_VOCAB 4096

struct input {
	const u8 *data;
	size_t left;
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Return the next @n bytes as a little-endian number; bytes past the end are 0. */
static u64 take(struct input *in, size_t n)
{
	u64 v = 0;

	n = min(n, in->left);
	memcpy(&v, in->data, n);
	in->data += n;
	in->left -= n;
	return v;
}

/* Parse the rest of the input as a decimal number. */
static void parse_decimal(const struct input *in)
{
	u32 v = 0;
	char *text = malloc(in->left ? in->left : 1);

	require(text);
	memcpy(text, in->data, in->left);
	if (!llama_parse_q16(text, in->left, &v))
		require(in->left && v <= 1u << 31);
	free(text);
}

/* Sample a token twice from the same state. */
static void sample(struct llama_sampler *s, struct input *in)
{
	bool masked = take(in, 1) & 1;
	u32 n_vocab = take(in, 2) % MAX_VOCAB + 1;
	u32 n_words = (n_vocab + 63) / 64;
	q16 *logits = malloc(n_vocab * sizeof(*logits));
	u64 *mask = malloc(n_words * sizeof(*mask));
	void *scratch = aligned_alloc(LLAMA_ALIGN, llama_sampler_scratch(n_vocab));
	struct llama_sampler again;
	u32 i, n_accept;
	long token;

	require(logits && mask && scratch);
	for (i = 0; i < n_words; i++)
		mask[i] = masked ? take(in, 1) * 0x0101010101010101ull : ~0ull;
	n_accept = take(in, 1) % 80;
	for (i = 0; i < n_accept; i++)
		llama_sampler_accept(s, take(in, 2));
	/* The input repeats, so that logits are equal and a short input fills a row. */
	for (i = 0; i < n_vocab; i++)
		logits[i] = in->left || !i ? (q16)take(in, 4) : logits[i / 2];

	again = *s;
	token = llama_sample(s, logits, n_vocab, masked ? mask : NULL, scratch);
	if (token < 0) {
		require(masked && token == -ENOENT && again.state == s->state);
	} else {
		require(token < n_vocab);
		require(mask[token / 64] >> (token % 64) & 1);
	}
	require(token == llama_sample(&again, logits, n_vocab, masked ? mask : NULL, scratch));
	require(again.state == s->state);
	free(logits);
	free(mask);
	free(scratch);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	struct llama_sampler_params params;
	struct llama_sampler s;
	struct llama_diag diag = { "" };
	bool in_range = take(&in, 1) & 1;

	parse_decimal(&in);
	params.temperature = take(&in, 4);
	params.top_k = take(&in, 2);
	params.top_p = take(&in, 4);
	params.min_p = take(&in, 4);
	params.repeat_penalty = take(&in, 4);
	params.seed = take(&in, 8);
	if (in_range) {
		params.temperature %= (16u << 16) + 1;
		params.top_p = params.top_p % (1u << 16) + 1;
		params.min_p %= (1u << 16) + 1;
		params.repeat_penalty = (1u << 15) + params.repeat_penalty % (31u << 15);
	}
	if (llama_sampler_init(&s, &params, &diag)) {
		require(!in_range && diag.text[0]);
		return 0;
	}
	sample(&s, &in);
	return 0;
}

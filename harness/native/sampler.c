// SPDX-License-Identifier: GPL-2.0
/* The sampler for ctypes: harness/core/sampler.py. */
#include <stdlib.h>

#include "llama_core.h"

struct llamuxu_sampler {
	struct llama_sampler sampler;
	void *scratch;
	size_t scratch_size;
};

/* @error: a struct llama_diag's text; empty if memory is missing. Return: NULL on failure. */
struct llamuxu_sampler *llamuxu_sampler_new(u32 temperature, u32 top_k, u32 top_p, u32 min_p,
					    u32 repeat_penalty, u64 seed, char *error)
{
	struct llama_sampler_params params = {
		.temperature = temperature,
		.top_k = top_k,
		.top_p = top_p,
		.min_p = min_p,
		.repeat_penalty = repeat_penalty,
		.seed = seed,
	};
	struct llamuxu_sampler *s = calloc(1, sizeof(*s));
	struct llama_diag diag = { "" };

	if (s && llama_sampler_init(&s->sampler, &params, &diag)) {
		free(s);
		s = NULL;
	}
	memcpy(error, diag.text, sizeof(diag.text));
	return s;
}

void llamuxu_sampler_free(struct llamuxu_sampler *s)
{
	if (s)
		free(s->scratch);
	free(s);
}

void llamuxu_sampler_accept(struct llamuxu_sampler *s, u32 token)
{
	llama_sampler_accept(&s->sampler, token);
}

u64 llamuxu_sampler_state(const struct llamuxu_sampler *s)
{
	return s->sampler.state;
}

long llamuxu_sampler_sample(struct llamuxu_sampler *s, const s32 *logits, u32 n_vocab,
			    const u64 *mask)
{
	size_t size = llama_sampler_scratch(n_vocab);

	if (size > s->scratch_size) {
		free(s->scratch);
		s->scratch_size = 0;
		s->scratch = aligned_alloc(LLAMA_ALIGN, size);
		if (!s->scratch)
			return -ENOMEM;
		s->scratch_size = size;
	}
	return llama_sample(&s->sampler, logits, n_vocab, mask, s->scratch);
}

int llamuxu_parse_q16(const char *text, size_t n, u32 *v)
{
	return llama_parse_q16(text, n, v);
}

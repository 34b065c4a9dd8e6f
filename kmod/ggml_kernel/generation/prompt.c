// SPDX-License-Identifier: GPL-2.0
/* Prompts as token ids, with chat template and system prompt. */
#include "generation/prompt.h"

int llama_options_check(struct llama_sampler *sampler, struct llama_stop_filter *stop,
			const struct llama_options *o, struct llama_diag *diag)
{
	int err = llama_sampler_init(sampler, &o->sampler, diag);

	if (err)
		return err;
	if (o->speculate > LLAMA_MAX_DRAFT)
		return llama_fail(diag, -EINVAL, "speculate is %u, at most %u", o->speculate,
				  LLAMA_MAX_DRAFT);
	if (llama_stop_begin(stop, &o->stops))
		return llama_fail(diag, -EINVAL, "a stop text has from 1 to %u bytes",
				  LLAMA_STOP_BYTES);
	return 0;
}

enum llama_chat_template llama_prompt_template(const struct llama_model *m,
					       const struct llama_options *o)
{
	return o->chat == LLAMA_TEMPLATE_AUTO ? m->chat : (enum llama_chat_template)o->chat;
}

static struct llama_chat_turn turn(const struct llama_model *m, const struct llama_options *o,
				   struct gguf_str text)
{
	struct llama_chat_turn t = { .system = o->system, .user = text };

	/* The file's own system prompt is part of its template. */
	if (!t.system.data && llama_prompt_template(m, o) != LLAMA_CHAT_NONE)
		t.system = m->default_system;
	return t;
}

size_t llama_prompt_scratch(const struct llama_model *m, const struct llama_options *o,
			    struct gguf_str text)
{
	struct llama_chat_turn t = turn(m, o, text);
	size_t ids, scratch;

	llama_chat_bounds(&m->vocab, llama_prompt_template(m, o), &t, &ids, &scratch);
	return llama_align_up(ids * sizeof(u32)) + scratch;
}

long llama_prompt_tokenize(const struct llama_model *m, const struct llama_options *o,
			   struct gguf_str text, bool first, u32 **ids, void *tmp,
			   const struct llama_yield *yield)
{
	struct llama_chat_turn t = turn(m, o, text);
	size_t max_ids, scratch;

	llama_chat_bounds(&m->vocab, llama_prompt_template(m, o), &t, &max_ids, &scratch);
	*ids = tmp;
	return llama_chat_tokenize(&m->vocab, llama_prompt_template(m, o), &t, first, tmp, max_ids,
				   (u8 *)tmp + llama_align_up(max_ids * sizeof(u32)), yield);
}

u32 llama_common_prefix(const u32 *a, u32 n_a, const u32 *b, u32 n_b)
{
	u32 n = min(n_a, n_b);
	u32 i;

	for (i = 0; i < n && a[i] == b[i]; i++)
		;
	return i;
}

/* Two texts without a common beginning. */
static const struct gguf_str head_texts[] = { { "0", 1 }, { "a", 1 } };

size_t llama_head_scratch(const struct llama_model *m)
{
	return llama_align_up(llama_prompt_scratch(m, &LLAMA_OPTIONS_DEFAULT, head_texts[0]));
}

long llama_generation_head(const struct llama_model *m, u32 *ids, u32 max, void *tmp,
			   const struct llama_yield *yield)
{
	u32 *a, *b;
	long n_a, n_b;
	u32 n;

	n_a = llama_prompt_tokenize(m, &LLAMA_OPTIONS_DEFAULT, head_texts[0], true, &a, tmp,
				    yield);
	if (n_a < 0)
		return n_a;
	n_b = llama_prompt_tokenize(m, &LLAMA_OPTIONS_DEFAULT, head_texts[1], true, &b,
				    (u8 *)tmp + llama_head_scratch(m), yield);
	if (n_b < 0)
		return n_b;
	n = llama_common_prefix(a, n_a, b, n_b);
	if (n > max)
		return 0;
	memcpy(ids, a, n * sizeof(*ids));
	return n;
}

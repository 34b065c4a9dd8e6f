/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Prompts
 *
 * Options of an answer, and a text of the user as token ids.
 */
#ifndef LLAMA_PROMPT_H
#define LLAMA_PROMPT_H

#include "generation/draft.h"
#include "generation/sampler.h"
#include "model/model.h"
#include "text/stop.h"

#define LLAMA_TEMPLATE_AUTO (-1)

/**
 * struct llama_options - Options of an answer.
 * @sampler:    Parameters of the sampler.
 * @max_tokens: Largest number of tokens of the answer; 0 for as many as fit the context.
 * @chat:       enum llama_chat_template, or LLAMA_TEMPLATE_AUTO for the file's.
 * @system:     System prompt; NULL data for the file's own.
 * @speculate:  Largest number of tokens to draft by prompt look-up, at most LLAMA_MAX_DRAFT; 0
 *   for none. It does not change the answer.
 * @stops:      Texts that end the answer and are not part of it.
 */
struct llama_options {
	struct llama_sampler_params sampler;
	u32 max_tokens;
	int chat;
	struct gguf_str system;
	u32 speculate;
	struct llama_stops stops;
};

/** LLAMA_OPTIONS_DEFAULT - Greedy, 256 tokens, everything else as the file has it. */
#define LLAMA_OPTIONS_DEFAULT ((struct llama_options){ \
	.sampler = { .top_p = 1 << 16, .repeat_penalty = 1 << 16 }, \
	.max_tokens = 256, \
	.chat = LLAMA_TEMPLATE_AUTO, \
	.speculate = LLAMA_MAX_DRAFT, \
})

/**
 * llama_options_check() - Check options and set up what they configure.
 * @sampler: Set up.
 * @stop:    Set up.
 * @o:       Options of the caller.
 * @diag:    Names the option on failure.
 *
 * Return: 0, or -EINVAL.
 */
int llama_options_check(struct llama_sampler *sampler, struct llama_stop_filter *stop,
			const struct llama_options *o, struct llama_diag *diag);

/** llama_prompt_scratch() - Return the bytes that llama_generation_prompt() needs at @tmp. */
size_t llama_prompt_scratch(const struct llama_model *m, const struct llama_options *o,
			    struct gguf_str text);

/** llama_prompt_template() - Return the chat template that an answer uses. */
enum llama_chat_template llama_prompt_template(const struct llama_model *m,
					       const struct llama_options *o);

/**
 * llama_prompt_tokenize() - Tokenize a turn of the user.
 * @m:     Model.
 * @o:     Options; their template and system prompt are used.
 * @text:  Plain text of the user.
 * @first: The dialogue begins here.
 * @ids:   Set to the ids, which lie at @tmp.
 * @tmp:   llama_prompt_scratch() bytes, aligned to 64.
 * @yield: Called between pieces of bounded work; may be NULL.
 *
 * Return: number of ids, or the hook's value.
 */
long llama_prompt_tokenize(const struct llama_model *m, const struct llama_options *o,
			   struct gguf_str text, bool first, u32 **ids, void *tmp,
			   const struct llama_yield *yield);

/**
 * llama_generation_head() - Return the common beginning of prompts with the file's own
 * template and system prompt.
 * @m:     Model.
 * @ids:   (max) out.
 * @max:   Room at @ids.
 * @tmp:   Twice llama_head_scratch() bytes, aligned to 64.
 * @yield: Called between pieces of bounded work; may be NULL.
 *
 * Return: number of tokens; 0 if there are none, or more than @max; or the hook's value.
 */
long llama_generation_head(const struct llama_model *m, u32 *ids, u32 max, void *tmp,
			   const struct llama_yield *yield);

/** llama_head_scratch() - Return half of the bytes that llama_generation_head() needs at @tmp. */
size_t llama_head_scratch(const struct llama_model *m);

/** llama_common_prefix() - Return the number of equal tokens that @a and @b begin with. */
u32 llama_common_prefix(const u32 *a, u32 n_a, const u32 *b, u32 n_b);

#endif

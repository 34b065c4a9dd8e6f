/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The beginning that prompts share
 *
 * Every prompt with the file's own chat template and system prompt begins
 * with the same tokens. Their keys and values are computed once for the
 * model, apart from any conversation, and copied into each new one. Nothing
 * that a user wrote ever gets here.
 */
#ifndef LLAMUX_PREFIX_H
#define LLAMUX_PREFIX_H

#include "ggml_kernel/generation.h"
#include "model.h"

/** llamux_prefix_start() - Find the model's beginning. Return: 0 or -ENOMEM. */
int llamux_prefix_start(const struct llamux_model *model, u32 n_ctx);

/** llamux_prefix_stop() - Free it. */
void llamux_prefix_stop(void);

/** llamux_prefix_tokens() - How many tokens it has; 0 where there is none. */
u32 llamux_prefix_tokens(void);

/**
 * llamux_prefix_use() - Begin a generation with it.
 * @g:  New, with scratch memory and a team.
 * @kv: Its cache, with room for llamux_prefix_tokens() positions.
 * @evaluated: Tokens that had to be evaluated now, in all calls together as many as it has.
 *
 * The first caller evaluates it; whoever comes meanwhile does without.
 *
 * Return: 0, -ENOMEM, or -ERESTARTSYS on a signal; what was evaluated stays.
 */
int llamux_prefix_use(struct llama_generation *g, struct llama_kv *kv,
		      const struct llama_yield *yield, u32 *evaluated);

#endif

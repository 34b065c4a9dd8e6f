/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The prefix that prompts share
 *
 * Every prompt with the model file's own chat template and system prompt begins with the same
 * tokens. Evaluating them once for all conversations shortens the wait for a first answer.
 *
 * The model has a cache with their keys and values, which is copied into the cache of each new
 * conversation. It never holds anything that a user wrote.
 */
#ifndef LLAMUX_PREFIX_H
#define LLAMUX_PREFIX_H

#include <linux/mutex.h>

#include "cache.h"
#include "llama_core.h"

#define LLAMUX_PREFIX_TOKENS 512

/**
 * struct llamux_prefix - The prefix of a model's prompts.
 * @m:      Model.
 * @n:      Number of tokens; 0 if prompts have none in common.
 * @ids:    (n,) tokens.
 * @lock:   Guards @n_done and @cache.
 * @n_done: Number of evaluated tokens.
 * @cache:  Their keys and values.
 */
struct llamux_prefix {
	const struct llama_model *m;
	u32 n;
	u32 ids[LLAMUX_PREFIX_TOKENS];
	struct mutex lock;
	u32 n_done;
	struct llamux_cache cache;
};

/** llamux_prefix_init() - Find the prefix of @m's prompts. Return: 0 or -ENOMEM. */
int llamux_prefix_init(struct llamux_prefix *p, const struct llama_model *m, u32 n_ctx);

/** llamux_prefix_free() - Free the prefix's memory. */
void llamux_prefix_free(struct llamux_prefix *p);

/**
 * llamux_prefix_use() - Begin a generation with the prefix.
 * @p:     Prefix of the generation's model.
 * @g:     New generation, with scratch memory and a team.
 * @cache: Cache of the generation, with @p->n positions reserved.
 * @yield: Called between pieces of work.
 * @evaluated: Incremented by the number of tokens that this call evaluated.
 *
 * The first caller evaluates the prefix. A caller that comes meanwhile begins without it.
 *
 * Return: 0, -ENOMEM, or the hook's value; tokens that were evaluated stay so.
 */
int llamux_prefix_use(struct llamux_prefix *p, struct llama_generation *g,
		      struct llamux_cache *cache, const struct llama_yield *yield, u32 *evaluated);

#endif

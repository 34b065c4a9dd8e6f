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

#include <linux/mutex.h>

#include "llama_core.h"
#include "memory.h"

#define LLAMUX_PREFIX_TOKENS 512
#define LLAMUX_PREFIX_CHUNKS (LLAMUX_PREFIX_TOKENS / LLAMA_KV_CHUNK)

/**
 * struct llamux_prefix - Of a model.
 * @m:      The model.
 * @n:      Tokens; 0 where prompts have nothing in common.
 * @ids:    (n,) them.
 * @lock:   Guards what follows.
 * @n_done: Evaluated.
 * @memory: Of @chunks.
 * @chunks: Of @kv.
 * @kv:     Their keys and values.
 */
struct llamux_prefix {
	const struct llama_model *m;
	u32 n;
	u32 ids[LLAMUX_PREFIX_TOKENS];
	struct mutex lock;
	u32 n_done;
	struct llamux_memory memory[LLAMUX_PREFIX_CHUNKS];
	void *chunks[LLAMUX_PREFIX_CHUNKS];
	struct llama_kv kv;
};

/** llamux_prefix_init() - Find the model's beginning. Return: 0 or -ENOMEM. */
int llamux_prefix_init(struct llamux_prefix *p, const struct llama_model *m, u32 n_ctx);

/** llamux_prefix_free() - Free its memory. */
void llamux_prefix_free(struct llamux_prefix *p);

/**
 * llamux_prefix_use() - Begin a generation with it.
 * @p:  Of the generation's model.
 * @g:  New, with scratch memory and a team.
 * @kv: Its cache, with room for its positions.
 * @yield: The caller's: it evaluates on the caller's time.
 * @evaluated: Tokens that had to be evaluated now, in all calls together as many as it has.
 *
 * The first caller evaluates it; whoever comes meanwhile does without.
 *
 * Return: 0, -ENOMEM, or -ERESTARTSYS on a signal; what was evaluated stays.
 */
int llamux_prefix_use(struct llamux_prefix *p, struct llama_generation *g,
		      struct llama_kv *kv, const struct llama_yield *yield, u32 *evaluated);

#endif

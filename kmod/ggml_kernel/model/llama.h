/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The forward pass
 *
 * A pass takes a model (shared, read-only), the KV cache of a conversation, and
 * scratch memory. The caller owns all memory.
 */
#ifndef LLAMA_H
#define LLAMA_H

#include "model/kv.h"
#include "model/model.h"
#include "model/scratch.h"

/**
 * llama_forward() - Run the model over a batch of tokens.
 * @m:      Model.
 * @s:      Scratch.
 * @kv:     Holds positions [0, @pos); [@pos, @pos + @n_tokens) are written. All chunks up
 *   to there must be provided.
 * @tokens: (n_tokens,) ids below n_vocab.
 * @n_tokens: 1 to s->n_batch; @pos + @n_tokens at most s->n_ctx.
 * @pos:    Position of @tokens[0].
 * @logits: (n_logits, n_vocab) Q16.16 logits of the last @n_logits tokens.
 * @n_logits: 0 to @n_tokens.
 * @yield:  Called between pieces of bounded work; may be NULL.
 *
 * If the hook stops the work, positions from @pos on are undefined, and the call
 * can be repeated.
 *
 * Return: 0, -EINVAL on a bad id, position or chunk, or the hook's value.
 */
int llama_forward(const struct llama_model *m, struct llama_scratch *s, struct llama_kv *kv,
		  const u32 *tokens, u32 n_tokens, u32 pos, q16 *logits, u32 n_logits,
		  const struct llama_yield *yield);

#endif

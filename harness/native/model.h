/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: A model file opened for computing, without the module
 */
#ifndef LLAMUXU_MODEL_H
#define LLAMUXU_MODEL_H

#include "llama_core.h"

struct llamuxu_model;
struct llamuxu_session;

/**
 * llamuxu_model_open() - Make a model of a file image.
 * @image: (size,) writable, aligned to 64; changed; must outlive the model.
 * @size:  Bytes.
 * @err:   0 or -errno.
 * @diag:  Names the cause on failure.
 *
 * Return: the model, or NULL with @err set.
 */
struct llamuxu_model *llamuxu_model_open(u8 *image, u64 size, int *err, struct llama_diag *diag);

/** llamuxu_model_facts() - List n_vocab, n_ctx_train, n_layer, n_embd, bytes of arena and KV chunk. */
void llamuxu_model_facts(const struct llamuxu_model *u, u64 facts[6]);

/**
 * llamuxu_session_open() - Allocate for passes of @n_batch tokens over @n_ctx positions.
 *
 * Return: NULL if memory or threads are not available.
 */
struct llamuxu_session *llamuxu_session_open(const struct llamuxu_model *u, u32 n_ctx, u32 n_batch,
					     u32 n_threads);

/**
 * llamuxu_forward() - Evaluate (n_tokens,) @tokens from position @pos on.
 * @logits: (n_logits, n_vocab) of the last tokens.
 * Return: 0 or -errno.
 */
int llamuxu_forward(struct llamuxu_session *s, const u32 *tokens, u32 n_tokens, u32 pos,
		    q16 *logits, u32 n_logits);

#endif

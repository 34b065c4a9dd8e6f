/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: A model in kernel memory
 *
 * A model is loaded from a GGUF file: read, verified, and its weights repacked in place. After
 * that it is read-only, but for the prefix that its prompts share.
 */
#ifndef LLAMUX_MODEL_H
#define LLAMUX_MODEL_H

#include <linux/kref.h>
#include <linux/list.h>

#include "llama_core.h"
#include "resources/memory.h"
#include "prefix.h"
#include "verify.h"

#define LLAMUX_KEY 64	/* bytes of a key */
#define LLAMUX_NAME 64	/* bytes of a name */

/**
 * struct llamux_model - A loaded model.
 * @ref:   References of the registry and of computations.
 * @node:  Entry in the registry.
 * @key:   Key that users choose it by.
 * @n_ctx: Positions of a conversation.
 * @prefix: Prefix that prompts share.
 * @m:     The core's view of the model.
 * @image: Bytes of the file, its weights repacked.
 * @arena: Memory of @m beside the file.
 * @identity: Hash and signature of the file.
 * @load_us: Microseconds that loading took.
 */
struct llamux_model {
	struct kref ref;
	struct list_head node;
	char key[LLAMUX_KEY];
	u32 n_ctx;
	struct llamux_prefix prefix;
	struct llama_model m;
	struct llamux_memory image;
	struct llamux_memory arena;
	struct llamux_identity identity;
	u64 load_us;
};

/**
 * llamux_model_load() - Load a model.
 * @path: GGUF file, opened as the calling task would.
 * Context: Process context. Sleeps. A fatal signal stops it.
 * Return: the model, or an ERR_PTR and a line in the log with the reason.
 */
struct llamux_model *llamux_model_load(const char *path);

/** llamux_model_name() - Copy the file's name for the model, in printable ASCII with a NUL. */
void llamux_model_name(const struct llamux_model *model, char name[LLAMUX_NAME]);

/** llamux_model_free() - Free a model; nothing for NULL. */
void llamux_model_free(struct llamux_model *model);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Loading a model file into kernel memory
 */
#ifndef LLAMUX_MODEL_H
#define LLAMUX_MODEL_H

#include <linux/kref.h>
#include <linux/list.h>

#include "llama_core.h"
#include "memory.h"
#include "prefix.h"
#include "verify.h"

#define LLAMUX_KEY 64	/* bytes of the name that it is called by */

/**
 * struct llamux_model - A loaded model, read-only once loaded but for @prefix.
 * @ref:   Who holds it: the registry's list, and whoever computes with it.
 * @node:  In that list.
 * @key:   The name that it is called by.
 * @n_ctx: Positions of a conversation.
 * @prefix: The beginning that prompts share.
 * @m:     The core's view.
 * @image: The file, its weights repacked in place.
 * @arena: What the core keeps besides.
 * @identity: Which file it is.
 * @load_us: Microseconds from opening the file.
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
 * llamux_model_load() - Read, verify and repack the file at @path.
 * @path: Of a GGUF file, as the caller would open it.
 * Context: Process; sleeps. A fatal signal ends it.
 * Return: the model, or an ERR_PTR; one line in the log says why.
 */
struct llamux_model *llamux_model_load(const char *path);

#define LLAMUX_NAME 64

/** llamux_model_name() - The model's name in printable ASCII, NUL-terminated. */
void llamux_model_name(const struct llamux_model *model, char name[LLAMUX_NAME]);

/** llamux_model_free() - Give its memory back. NULL is fine. */
void llamux_model_free(struct llamux_model *model);

#endif

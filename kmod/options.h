/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: What a caller chooses about answers
 */
#ifndef LLAMUX_OPTIONS_H
#define LLAMUX_OPTIONS_H

#include "llama_core.h"
#include "model.h"

#define LLAMUX_MAX_SYSTEM 4096	/* bytes of a system prompt */

/**
 * struct llamux_options - What a caller chose.
 * @o: Its system prompt points to @system.
 * @system: Bytes.
 * @model: The model's name; "" for the default.
 */
struct llamux_options {
	struct llama_options o;
	char system[LLAMUX_MAX_SYSTEM];
	char model[LLAMUX_KEY];
};

/** llamux_options_default() - What a conversation begins with. */
void llamux_options_default(struct llamux_options *o);

/** llamux_options_copy() - The copy's system prompt points into the copy. */
void llamux_options_copy(struct llamux_options *to, const struct llamux_options *from);

/**
 * llamux_options_check() - Whether they make sense, a model of that name included.
 * @o:    As a caller chose them.
 * @diag: Names the option and its range.
 * Return: 0, or -EINVAL with @diag.
 */
int llamux_options_check(const struct llamux_options *o, struct llama_diag *diag);

#endif

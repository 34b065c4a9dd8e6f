/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Models being served
 *
 * Each has a name; one of them is the default. Whoever computes with a model holds it,
 * so that taking one off the list, or choosing another default, never disturbs an answer
 * in the making: the memory goes with its last user.
 */
#ifndef LLAMUX_REGISTRY_H
#define LLAMUX_REGISTRY_H

#include "model.h"

struct seq_file;

/**
 * llamux_registry_start() - Load the first model, the default.
 * @path:  Of a GGUF file, whose name without ".gguf" it takes where that can be one.
 * @n_ctx: Positions of a conversation; -1 for 2048 or the model's own, if that is less.
 * Return: 0, or a negative errno and a line in the log.
 */
int llamux_registry_start(const char *path, int n_ctx);

/** llamux_registry_stop() - Let go of all models. Nobody uses one any more. */
void llamux_registry_stop(void);

/**
 * llamux_registry_load() - Load one more, with as much of the wanted context as it has.
 * @path: Of a GGUF file.
 * @name: Of letters, digits, dots, underscores and hyphens; NULL for the file's, without ".gguf".
 * Return: 0; -EEXIST where the name is taken; -EINVAL for a bad one; or what
 * llamux_model_load() says. A line in the log says more.
 */
int llamux_registry_load(const char *path, const char *name);

/** llamux_registry_unload() - Take it off the list. Return: 0, -ENOENT, -EBUSY for the default. */
int llamux_registry_unload(const char *name);

/** llamux_registry_choose() - Make it the default. Return: 0 or -ENOENT. */
int llamux_registry_choose(const char *name);

/** llamux_registry_get() - Hold a model: the default for "". Return: NULL where there is none. */
struct llamux_model *llamux_registry_get(const char *name);

/** llamux_registry_put() - Let go of it. */
void llamux_registry_put(struct llamux_model *model);

/** llamux_registry_show() - A line for each. */
void llamux_registry_show(struct seq_file *m);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The registry of loaded models
 *
 * Root loads and unloads models while others compute. Each model has a key, and one of them is
 * the default. A computation has a reference to its model, so that unloading a model, or
 * choosing another default, never disturbs an answer: the last reference frees the memory.
 */
#ifndef LLAMUX_REGISTRY_H
#define LLAMUX_REGISTRY_H

#include "model.h"

struct seq_file;

/**
 * llamux_registry_start() - Load the first model, which is the default.
 * @path:  GGUF file. Its name without ".gguf" becomes the key if it can be one.
 * @n_ctx: Positions of a conversation; -1 for 2048, or the model's own if that is less.
 * Return: 0, or -errno and a line in the log.
 */
int llamux_registry_start(const char *path, int n_ctx);

/** llamux_registry_stop() - Unload all models. No task uses one any more. */
void llamux_registry_stop(void);

/**
 * llamux_registry_load() - Load another model, with the wanted context or as much as it has.
 * @path: GGUF file.
 * @key:  Letters, digits, dots, underscores and hyphens; NULL for the file's name without ".gguf".
 * Return: 0; -EEXIST if the key is taken; -EINVAL if it cannot be one; or as llamux_model_load().
 * A line in the log has the reason.
 */
int llamux_registry_load(const char *path, const char *key);

/** llamux_registry_unload() - Unload a model. Return: 0, -ENOENT, or -EBUSY for the default. */
int llamux_registry_unload(const char *key);

/** llamux_registry_choose() - Make a model the default. Return: 0 or -ENOENT. */
int llamux_registry_choose(const char *key);

/** llamux_registry_get() - Refer to a model, the default for "". Return: NULL if there is none. */
struct llamux_model *llamux_registry_get(const char *key);

/** llamux_registry_put() - Drop a reference; nothing for NULL. */
void llamux_registry_put(struct llamux_model *model);

/** llamux_registry_show() - Print a line for each model. */
void llamux_registry_show(struct seq_file *m);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CORPUS_H
#define CORPUS_H

#include <stdbool.h>

#include "input.h"

extern struct input *corpus;
extern uint32_t n_corpus;

/* Add the inputs of a file. Return: false if it cannot be read or is malformed. */
bool corpus_load(const char *path);

/* Add an input; exit with 2 if there is no memory. */
void corpus_add(const struct input *input);

#endif

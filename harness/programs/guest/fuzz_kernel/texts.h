/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TEXTS_H
#define TEXTS_H

#include <stddef.h>
#include <stdint.h>

/* A text that may contain NULs. */
struct text {
	const char *data;
	size_t n;
};

/* Return: an entry of a table, by a byte modulo the table's size. */
struct text prompt_text(uint8_t which);
const char *option_key(uint8_t which);
const char *option_value(uint8_t which);
const char *command_verb(uint8_t which);
const char *command_path(uint8_t which);
const char *model_name(uint8_t which);
uint64_t number_at(uint8_t which);
size_t transfer_size(uint8_t which);

#endif

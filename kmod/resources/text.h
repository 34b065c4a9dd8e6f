/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Texts of users
 *
 * A text is a growing row of bytes. Its memory is overwritten with zeros before it is freed,
 * since it is private to a user.
 */
#ifndef LLAMUX_TEXT_H
#define LLAMUX_TEXT_H

#include "memory.h"

/**
 * struct llamux_text - A text; all zeros is an empty one.
 * @memory: (memory.size,) bytes of which the first @n are the text.
 * @n: Bytes of the text.
 */
struct llamux_text {
	struct llamux_memory memory;
	size_t n;
};

/** llamux_text_reserve() - Make room for @n more bytes. Return: 0 or -ENOMEM. */
int llamux_text_reserve(struct llamux_text *t, size_t n);

/** llamux_text_end() - Return: where the next byte goes. */
static inline char *llamux_text_end(const struct llamux_text *t)
{
	return (char *)t->memory.data + t->n;
}

/** llamux_text_add() - Append @n bytes, for which there is room. */
void llamux_text_add(struct llamux_text *t, const char *text, size_t n);

/** llamux_text_drop() - Remove the first @n bytes. */
void llamux_text_drop(struct llamux_text *t, size_t n);

/** llamux_text_free() - Overwrite and free all bytes. */
void llamux_text_free(struct llamux_text *t);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Texts that grow, somebody's: they are overwritten with zeros when they go.
 */
#ifndef LLAMUX_TEXT_H
#define LLAMUX_TEXT_H

#include "memory.h"

/**
 * struct llamux_text - Bytes.
 * @memory: Where they are, and room for more.
 * @n: Their number.
 */
struct llamux_text {
	struct llamux_memory memory;
	size_t n;
};

/** llamux_text_reserve() - Room for @n more bytes. Return: 0 or -ENOMEM. */
int llamux_text_reserve(struct llamux_text *t, size_t n);

/** llamux_text_end() - Where the next byte goes. */
static inline char *llamux_text_end(const struct llamux_text *t)
{
	return (char *)t->memory.data + t->n;
}

/** llamux_text_add() - @n bytes more, for which there is room. */
void llamux_text_add(struct llamux_text *t, const char *text, size_t n);

/** llamux_text_drop() - Forget the first @n bytes. */
void llamux_text_drop(struct llamux_text *t, size_t n);

/** llamux_text_free() - Back to no bytes and no memory. */
void llamux_text_free(struct llamux_text *t);

#endif

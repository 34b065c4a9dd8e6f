// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/string.h>

#include "text.h"

#define STEP 4096	/* bytes by which a text grows at least */

int llamux_text_reserve(struct llamux_text *t, size_t n)
{
	struct llamux_memory grown;
	size_t size;

	if (check_add_overflow(t->n, n, &size))
		return -ENOMEM;
	if (size <= t->memory.size)
		return 0;
	size = max3(size, 2 * t->memory.size, (size_t)STEP);
	if (llamux_memory_alloc(&grown, size))
		return -ENOMEM;
	if (t->n)
		memcpy(grown.data, t->memory.data, t->n);
	llamux_memory_wipe(&t->memory);
	t->memory = grown;
	return 0;
}

void llamux_text_add(struct llamux_text *t, const char *text, size_t n)
{
	if (n)
		memcpy(llamux_text_end(t), text, n);
	t->n += n;
}

void llamux_text_drop(struct llamux_text *t, size_t n)
{
	char *text = t->memory.data;

	t->n -= n;
	memmove(text, text + n, t->n);
	memzero_explicit(text + t->n, n);
}

void llamux_text_free(struct llamux_text *t)
{
	llamux_memory_wipe(&t->memory);
	t->n = 0;
}

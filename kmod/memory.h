/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Counted memory
 *
 * Whatever is large is taken here, so that /proc/llamux/stats can say how
 * much there is and that nothing stays behind.
 */
#ifndef LLAMUX_MEMORY_H
#define LLAMUX_MEMORY_H

#include <linux/types.h>

/**
 * struct llamux_memory - A piece of memory.
 * @data: Aligned to a page, or NULL.
 * @size: Bytes.
 */
struct llamux_memory {
	void *data;
	size_t size;
};

/**
 * llamux_memory_alloc() - Take @size bytes for a conversation.
 * @m:    Filled; unchanged on failure.
 * @size: Bytes.
 *
 * Charged to the caller's memory cgroup; not zeroed.
 * Return: 0 or -ENOMEM.
 */
int llamux_memory_alloc(struct llamux_memory *m, size_t size);

/** llamux_memory_alloc_huge() - Take @size bytes for a model, in huge pages where possible. */
int llamux_memory_alloc_huge(struct llamux_memory *m, size_t size);

/** llamux_memory_free() - Give it back. Nothing happens where there is none. */
void llamux_memory_free(struct llamux_memory *m);

/** llamux_memory_wipe() - Overwrite with zeros, then give back: for what held somebody's text. */
void llamux_memory_wipe(struct llamux_memory *m);

/** llamux_memory_limit() - Take no more than @size bytes in all; 0 for no limit. */
void llamux_memory_limit(u64 size);

/** llamux_memory_now() - Bytes taken. */
u64 llamux_memory_now(void);

/** llamux_memory_peak() - The most that there ever was. */
u64 llamux_memory_peak(void);

#endif

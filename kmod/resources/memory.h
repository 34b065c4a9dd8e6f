/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Counted memory
 *
 * All large memory is allocated here, so that it can be limited, and so that /proc/llamux/stats
 * shows how much there is and that none is left behind.
 */
#ifndef LLAMUX_MEMORY_H
#define LLAMUX_MEMORY_H

#include <linux/types.h>

/**
 * struct llamux_memory - A block of memory.
 * @data: Start, aligned to a page; NULL for none.
 * @size: Bytes.
 */
struct llamux_memory {
	void *data;
	size_t size;
};

/**
 * llamux_memory_alloc() - Allocate memory for a conversation.
 * @m:    Filled; unchanged on failure.
 * @size: Bytes.
 *
 * It is charged to the memory cgroup of the caller, and is not zeroed.
 * Return: 0 or -ENOMEM.
 */
int llamux_memory_alloc(struct llamux_memory *m, size_t size);

/** llamux_memory_alloc_huge() - Allocate memory for a model: huge pages, charged to no cgroup. */
int llamux_memory_alloc_huge(struct llamux_memory *m, size_t size);

/** llamux_memory_free() - Free memory, if there is any. */
void llamux_memory_free(struct llamux_memory *m);

/** llamux_memory_wipe() - Overwrite with zeros and free: for memory that held a user's text. */
void llamux_memory_wipe(struct llamux_memory *m);

/** llamux_memory_set_limit() - Limit all memory together to @size bytes; 0 is no limit. */
void llamux_memory_set_limit(u64 size);

/** llamux_memory_now() - Return: bytes allocated now. */
u64 llamux_memory_now(void);

/** llamux_memory_peak() - Return: the most bytes that were allocated at once. */
u64 llamux_memory_peak(void);

#endif

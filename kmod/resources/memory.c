// SPDX-License-Identifier: GPL-2.0
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "memory.h"

static atomic64_t now = ATOMIC64_INIT(0);
static atomic64_t peak = ATOMIC64_INIT(0);

static u64 limit;

void llamux_memory_set_limit(u64 size)
{
	limit = size;
}

/* Count @size bytes that are about to be allocated. */
static int reserve(size_t size)
{
	s64 total = atomic64_add_return(size, &now);
	s64 old = atomic64_read(&peak);

	if (limit && total > limit) {
		atomic64_sub(size, &now);
		return -ENOMEM;
	}
	while (total > old && !atomic64_try_cmpxchg(&peak, &old, total))
		;
	return 0;
}

/* Fill @m, or count back if the allocation failed. */
static int fill(struct llamux_memory *m, void *data, size_t size)
{
	if (!data) {
		atomic64_sub(size, &now);
		return -ENOMEM;
	}
	m->data = data;
	m->size = size;
	return 0;
}

/* If a memory cgroup or the machine is full, a read fails, and no process is killed. */
#define CONVERSATION (GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

int llamux_memory_alloc(struct llamux_memory *m, size_t size)
{
	int err = reserve(size);

	return err ? err : fill(m, __vmalloc(size, CONVERSATION), size);
}

int llamux_memory_alloc_huge(struct llamux_memory *m, size_t size)
{
	int err;

	/* Refuse a model that does not fit, rather than have processes killed to make room. */
	if (size >> PAGE_SHIFT > (size_t)si_mem_available())
		return -ENOMEM;
	err = reserve(size);
	return err ? err : fill(m, vmalloc_huge(size, GFP_KERNEL | __GFP_NOWARN), size);
}

void llamux_memory_free(struct llamux_memory *m)
{
	if (!m->data)
		return;
	vfree(m->data);
	atomic64_sub(m->size, &now);
	m->data = NULL;
	m->size = 0;
}

void llamux_memory_wipe(struct llamux_memory *m)
{
	if (m->data)
		memzero_explicit(m->data, m->size);
	llamux_memory_free(m);
}

u64 llamux_memory_now(void)
{
	return atomic64_read(&now);
}

u64 llamux_memory_peak(void)
{
	return atomic64_read(&peak);
}

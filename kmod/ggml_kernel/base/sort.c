// SPDX-License-Identifier: GPL-2.0
/* Heapsort: in place, without recursion, O(n log n) for every input. */
#include "base/sort.h"

#define MAX_SIZE sizeof(u64)

/* Whether element @x comes before element @y. */
typedef bool less_fn(const void *arg, const void *x, const void *y);

/* Move the element at @root down to its place among the first @n. */
static __always_inline void sift(u8 *a, size_t root, size_t n, size_t size, less_fn *less,
				 const void *arg)
{
	u8 v[MAX_SIZE];

	memcpy(v, a + root * size, size);
	for (;;) {
		size_t child = 2 * root + 1;

		if (child >= n)
			break;
		if (child + 1 < n && less(arg, a + child * size, a + (child + 1) * size))
			child++;
		if (!less(arg, v, a + child * size))
			break;
		memcpy(a + root * size, a + child * size, size);
		root = child;
	}
	memcpy(a + root * size, v, size);
}

/* @size is a constant wherever this is inlined. */
static __always_inline void heapsort(u8 *a, size_t n, size_t size, less_fn *less, const void *arg)
{
	size_t i;

	for (i = n / 2; i-- > 0;)
		sift(a, i, n, size, less, arg);
	for (i = n; i-- > 1;) {
		u8 top[MAX_SIZE];

		memcpy(top, a, size);
		memcpy(a, a + i * size, size);
		memcpy(a + i * size, top, size);
		sift(a, 0, i, size, less, arg);
	}
}

static bool less_u64(const void *arg, const void *x, const void *y)
{
	return llama_get_u64(x) < llama_get_u64(y);
}

void llama_sort_u64(u64 *a, size_t n)
{
	heapsort((u8 *)a, n, sizeof(*a), less_u64, NULL);
}

struct order {
	bool (*less)(const void *arg, u32 x, u32 y);
	const void *arg;
};

static bool less_id(const void *arg, const void *x, const void *y)
{
	const struct order *o = arg;

	return o->less(o->arg, llama_get_u32(x), llama_get_u32(y));
}

void llama_sort_ids(u32 *a, size_t n, bool (*less)(const void *arg, u32 x, u32 y), const void *arg)
{
	const struct order o = { less, arg };

	heapsort((u8 *)a, n, sizeof(*a), less_id, &o);
}

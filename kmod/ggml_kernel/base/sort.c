// SPDX-License-Identifier: GPL-2.0
/* Heapsort: no recursion, no memory, no input that makes it slow. */
#include "base/sort.h"

static void sift_u64(u64 *a, size_t root, size_t n)
{
	u64 v = a[root];

	for (;;) {
		size_t child = 2 * root + 1;

		if (child >= n)
			break;
		if (child + 1 < n && a[child] < a[child + 1])
			child++;
		if (a[child] <= v)
			break;
		a[root] = a[child];
		root = child;
	}
	a[root] = v;
}

void llama_sort_u64(u64 *a, size_t n)
{
	size_t i;

	for (i = n / 2; i-- > 0;)
		sift_u64(a, i, n);
	for (i = n; i-- > 1;) {
		u64 top = a[0];

		a[0] = a[i];
		a[i] = top;
		sift_u64(a, 0, i);
	}
}

struct order {
	bool (*less)(const void *arg, u32 x, u32 y);
	const void *arg;
};

static void sift_ids(u32 *a, size_t root, size_t n, struct order o)
{
	u32 v = a[root];

	for (;;) {
		size_t child = 2 * root + 1;

		if (child >= n)
			break;
		if (child + 1 < n && o.less(o.arg, a[child], a[child + 1]))
			child++;
		if (!o.less(o.arg, v, a[child]))
			break;
		a[root] = a[child];
		root = child;
	}
	a[root] = v;
}

void llama_sort_ids(u32 *a, size_t n, bool (*less)(const void *arg, u32 x, u32 y), const void *arg)
{
	const struct order o = { less, arg };
	size_t i;

	for (i = n / 2; i-- > 0;)
		sift_ids(a, i, n, o);
	for (i = n; i-- > 1;) {
		u32 top = a[0];

		a[0] = a[i];
		a[i] = top;
		sift_ids(a, 0, i, o);
	}
}

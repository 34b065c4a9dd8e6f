/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Sorting in place, in O(n log n) whatever the input
 */
#ifndef LLAMA_SORT_H
#define LLAMA_SORT_H

#include "base/port.h"

/** llama_sort_u64() - Ascending. */
void llama_sort_u64(u64 *a, size_t n);

/**
 * llama_sort_ids() - Ascending by @less.
 * @a:    (n,)
 * @n:    May be 0.
 * @less: Whether @x comes before @y; a strict order.
 * @arg:  Handed to @less.
 */
void llama_sort_ids(u32 *a, size_t n, bool (*less)(const void *arg, u32 x, u32 y), const void *arg);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Sorting in place, in O(n log n) for every input
 */
#ifndef LLAMA_SORT_H
#define LLAMA_SORT_H

#include "base/port.h"

/** llama_sort_u64() - Sort @a (n,) in ascending order. */
void llama_sort_u64(u64 *a, size_t n);

/**
 * llama_sort_ids() - Sort ids in ascending order.
 * @a:    (n,) ids.
 * @n:    May be 0.
 * @less: Tells whether @x comes before @y; a strict order.
 * @arg:  Handed to @less.
 */
void llama_sort_ids(u32 *a, size_t n, bool (*less)(const void *arg, u32 x, u32 y), const void *arg);

#endif

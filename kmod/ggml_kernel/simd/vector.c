// SPDX-License-Identifier: GPL-2.0
/* Loops over vectors in general registers: what defines the result. */
#define VECTOR_OPS llama_vector_generic
#include "simd/vector_ops.h"

void llama_vector_tmp_alloc(struct vector_tmp *tmp, struct llama_arena *arena, u32 n)
{
	tmp->wide = llama_arena_alloc(arena, n, sizeof(*tmp->wide));
	tmp->a = llama_arena_alloc(arena, n, sizeof(*tmp->a));
	tmp->b = llama_arena_alloc(arena, n, sizeof(*tmp->b));
}

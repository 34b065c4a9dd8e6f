/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Code paths
 *
 * A path computes with one instruction set. The code of simd/ is written once as
 * templates and compiled for each path: products of tiles and attention with v_*
 * operations (tile_mul.h, attention_mul.h), loops over vectors as plain C that
 * compilers vectorize (vector_ops.h). All paths give the same integers.
 */
#ifndef LLAMA_PATH_H
#define LLAMA_PATH_H

#include "arithmetic/attention.h"
#include "arithmetic/tile.h"
#include "arithmetic/vector.h"

/**
 * struct llama_path - A code path.
 * @name:   Value of the module's parameter `isa`.
 * @usable: Tells whether this machine can execute it.
 * @simd:   It uses vector registers: calls are made between llama_path_begin() and _end().
 * @floats: @mul multiplies float matrices too.
 * @mul:    Multiplies tile @tile of @w with @n_tokens vectors of @x. @buf has TILE_UNPACKED
 *   bytes for each block of a row. NULL if the path multiplies row by row.
 * @scores: See llama_attention_scores().
 * @values: See llama_attention_values().
 * @vector: Operations on vectors.
 */
struct llama_path {
	const char *name;
	bool (*usable)(void);
	bool simd;
	bool floats;
	void (*mul)(const struct weights *w, u32 tile, const struct bfp *x, u32 n_tokens,
		    struct tile_sums out, void *buf);
	void (*scores)(const struct attention_scores *a);
	void (*values)(const struct attention_values *a);
	const struct vector_ops *vector;
};

extern const struct llama_path llama_path_generic, llama_path_swar;
extern const struct llama_path llama_path_avx2, llama_path_avxvnni, llama_path_avx512;
extern const struct llama_path llama_path_neon, llama_path_dotprod, llama_path_i8mm;

/** llama_path_current() - Return the path in use. */
const struct llama_path *llama_path_current(void);

/** llama_path_name() - Return the name of the path in use, for example "generic". */
const char *llama_path_name(void);

/** llama_path_at() - Return path @i: the fastest first, the generic one last, then NULL. */
const struct llama_path *llama_path_at(u32 i);

/** llama_path_usable() - Tell whether path @i is enabled and this machine can execute it. */
bool llama_path_usable(u32 i);

/** llama_path_disable() - Exclude path @i from use. */
void llama_path_disable(u32 i);

/** llama_path_use() - Compute with @path, which must be usable, from now on. */
void llama_path_use(const struct llama_path *path);

/**
 * llama_path_select() - Choose a path by name.
 * @name: Name of a path, or NULL for the fastest usable one.
 *
 * Return: 0, or -EINVAL if no usable path has that name.
 */
int llama_path_select(const char *name);

/* llama_path_begin() and _end() enclose all operations of @path. No sleeping between them. */
static inline void llama_path_begin(const struct llama_path *path)
{
	if (path->simd)
		llama_simd_begin();
}

static inline void llama_path_end(const struct llama_path *path)
{
	if (path->simd)
		llama_simd_end();
}

/* Let other tasks run, between two pieces of bounded work. */
static inline void llama_path_pause(const struct llama_path *path)
{
	llama_path_end(path);
	llama_resched();
	llama_path_begin(path);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Instruction sets
 *
 * Whatever takes time is written once as a template and compiled for each
 * instruction set: products of tiles and attention from v_* operations
 * (tile_mul.h, attention_mul.h), loops over vectors as plain C that compilers
 * vectorize (vector_ops.h). All of them give the integers of the generic path.
 */
#ifndef LLAMA_PATH_H
#define LLAMA_PATH_H

#include "arithmetic/attention.h"
#include "arithmetic/tile.h"
#include "arithmetic/vector.h"

/**
 * struct llama_path - An instruction set's way to compute.
 * @name:   As `isa=` takes it.
 * @usable: Whether this machine can run it.
 * @simd:   It uses vector registers: callers are between llama_simd_begin() and _end().
 * @floats: @mul multiplies float matrices too.
 * @mul:    Tile @tile of @w times @n_tokens vectors of @x. @buf has
 *   TILE_UNPACKED bytes for each block of a row. NULL: rows go one by one.
 * @scores: See llama_attention_scores().
 * @values: See llama_attention_values().
 * @vector: Everything that works element by element.
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

/** llama_path_current() - The path in use. */
const struct llama_path *llama_path_current(void);

/** llama_path_name() - Name of the path in use, such as "generic". */
const char *llama_path_name(void);

/** llama_path_at() - Path @i, the best one first and the generic one last; NULL behind that. */
const struct llama_path *llama_path_at(u32 i);

/** llama_path_usable() - Whether this machine can run path @i, and it was not disabled. */
bool llama_path_usable(u32 i);

/** llama_path_disable() - Never choose path @i again. */
void llama_path_disable(u32 i);

/** llama_path_use() - Compute with @path from now on, which must be usable. */
void llama_path_use(const struct llama_path *path);

/**
 * llama_path_select() - Choose a path: NULL for the best, or a name.
 * @name: As `isa=` takes it, or NULL.
 * Return: 0, or -EINVAL where there is no such path or this machine cannot run it.
 */
int llama_path_select(const char *name);

/* Around every call of an operation of @path; no sleeping between the two. */
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

/* Between two pieces of bounded work. */
static inline void llama_path_pause(const struct llama_path *path)
{
	llama_path_end(path);
	llama_resched();
	llama_path_begin(path);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Instruction sets
 *
 * Whatever takes time is written once as a template and compiled for each
 * instruction set: products of tiles and attention from v_* operations
 * (tile_mul.h, attention_mul.h), loops over vectors as plain C that compilers
 * vectorize (vector_ops.h). All of them give the integers of the generic path.
 */
#ifndef LLAMA_ISA_H
#define LLAMA_ISA_H

#include "arithmetic/attention.h"
#include "arithmetic/tile.h"
#include "arithmetic/vector.h"

/**
 * struct isa - An instruction set's way to compute.
 * @name:   As `isa=` takes it.
 * @usable: Whether this machine can run it.
 * @simd:   It uses vector registers: callers are between llama_simd_begin() and _end().
 * @floats: @mul multiplies float matrices too.
 * @mul:    Tile @tile of @w times @n_tokens vectors of @x. @buf has
 *   TILE_UNPACKED bytes for each block of a row. NULL: rows go one by one.
 * @scores: See attention_scores().
 * @values: See attention_values().
 * @vector: Everything that works element by element.
 */
struct isa {
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

extern const struct isa isa_generic, isa_swar, isa_avx2, isa_avxvnni, isa_avx512;
extern const struct isa isa_neon, isa_dotprod, isa_i8mm;

/** isa_current() - The path in use. */
const struct isa *isa_current(void);

/** isa_at() - Path @i, the best one first; NULL behind the last, which is the generic one. */
const struct isa *isa_at(u32 i);

/** isa_usable() - Whether this machine can run path @i, and it was not disabled. */
bool isa_usable(u32 i);

/** isa_disable() - Never choose path @i again. */
void isa_disable(u32 i);

/** isa_use() - Compute with @isa from now on, which must be usable. */
void isa_use(const struct isa *isa);

/**
 * isa_select() - Choose a path: NULL for the best, or a name.
 * @name: As `isa=` takes it, or NULL.
 * Return: 0, or -EINVAL where there is no such path or this machine cannot run it.
 */
int isa_select(const char *name);

/* Around every call of an operation of @isa; no sleeping between the two. */
static inline void isa_begin(const struct isa *isa)
{
	if (isa->simd)
		llama_simd_begin();
}

static inline void isa_end(const struct isa *isa)
{
	if (isa->simd)
		llama_simd_end();
}

/* Between two pieces of bounded work. */
static inline void isa_pause(const struct isa *isa)
{
	isa_end(isa);
	llama_resched();
	isa_begin(isa);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Scratch memory of the forward pass
 */
#ifndef LLAMA_SCRATCH_H
#define LLAMA_SCRATCH_H

#include "arithmetic/vector.h"
#include "arithmetic/weights_row.h"
#include "base/team.h"
#include "model/model.h"

#define LLAMA_MAX_BATCH 64	/* tokens of a pass */
#define LLAMA_MAX_QUERIES 4	/* queries that are computed together for each chunk */

/**
 * struct llama_worker - Scratch memory of one member of a team.
 * @tmp:   Scratch for vectors of the widest input.
 * @row:   Scratch for products.
 * @y:     (n_batch, 16) values on their way to logits.
 * @query: (n_head_dim)
 * @query_hi: (LLAMA_MAX_QUERIES, n_head_dim) planes of queries.
 * @query_lo: Likewise.
 * @dot:   (LLAMA_MAX_QUERIES, LLAMA_KV_CHUNK)
 * @score: (LLAMA_MAX_QUERIES, n_ctx in whole chunks)
 * @weight: (n_ctx in whole chunks) softmax numerators
 * @weight_q: The same, quantized.
 * @weight_hi: (LLAMA_MAX_QUERIES, n_ctx in whole chunks) planes of that.
 * @weight_lo: Likewise.
 * @weight_h: (LLAMA_MAX_QUERIES, its blocks)
 * @sum:   (LLAMA_MAX_QUERIES, n_head_dim)
 */
struct llama_worker {
	struct vector_tmp tmp;
	struct weights_row row;
	q32 *y;
	s16 *query;
	s16 *query_hi;
	s16 *query_lo;
	s64 *dot;
	q20 *score;
	s64 *weight;
	s16 *weight_q;
	s16 *weight_hi;
	s16 *weight_lo;
	u8 *weight_h;
	s64 *sum;
};

/**
 * struct llama_scratch - Scratch memory of a pass. Private except for @team.
 * @team:    Workers that compute; NULL for the caller alone. May change between passes.
 * @n_ctx:   Number of positions that fit.
 * @n_batch: Largest number of tokens of a pass.
 * @n_workers: Largest number of members of a team.
 */
struct llama_scratch {
	struct llama_team *team;
	u32 n_ctx;
	u32 n_batch;
	u32 n_workers;
	/* private: */
	q32 *x;			/* (n_batch, n_embd) residual stream */
	struct bfp in;		/* (n_batch, widest) input of a product */
	q32 *y;			/* (n_batch, n_embd) a product on its way into the stream */
	q32 *q;			/* (n_batch, n_head * n_head_dim) queries, then heads' output */
	q32 *k;			/* (n_batch, n_head_kv * n_head_dim) */
	q32 *v;			/* (n_batch, n_head_kv * n_head_dim) */
	q32 *gate;		/* (n_batch, n_ff) */
	q32 *up;		/* (n_batch, n_ff) */
	q30 *sin;		/* (n_batch, n_rot / 2) */
	q30 *cos;		/* (n_batch, n_rot / 2) */
	struct llama_worker *workers;	/* (n_workers) */
};

/** llama_scratch_size() - Return the arena bytes that llama_scratch_init() needs. */
size_t llama_scratch_size(const struct llama_model *m, u32 n_ctx, u32 n_batch, u32 n_workers);

/**
 * llama_scratch_init() - Allocate the parts of scratch memory.
 * @s:       Filled; without a team.
 * @m:       Model.
 * @n_ctx:   1 to m->n_ctx_train.
 * @n_batch: 1 to LLAMA_MAX_BATCH.
 * @n_workers: 1 to LLAMA_MAX_WORKERS.
 * @arena:   llama_scratch_size() bytes, needed as long as @s lives.
 *
 * Return: 0, -EINVAL, or -ENOMEM where @arena is too small.
 */
int llama_scratch_init(struct llama_scratch *s, const struct llama_model *m, u32 n_ctx,
		       u32 n_batch, u32 n_workers, struct llama_arena *arena);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The forward pass
 *
 * Three objects: a model (shared, read-only), the KV cache of a conversation,
 * and the scratch memory of one running pass. The caller owns all memory.
 */
#ifndef LLAMA_H
#define LLAMA_H

#include "arithmetic/attention.h"
#include "model/model.h"
#include "base/team.h"
#include "arithmetic/vector.h"
#include "arithmetic/weights_row.h"

#define LLAMA_MAX_BATCH 64	/* tokens of one pass */
#define LLAMA_MAX_QUERIES 4	/* that share a walk over keys and values */

/**
 * struct llama_kv - The KV cache of a conversation, in chunks of positions.
 * @n_chunks: Entries at @chunks.
 * @chunks:   (n_chunks,) each of llama_kv_chunk_size() bytes, aligned to 64;
 *   NULL where the caller has not provided it yet. No initialisation needed.
 *
 * Chunk c holds positions [64 c, 64 c + 64) of every layer. Nothing but the
 * caller remembers how many positions are filled: rolling back is passing a
 * smaller @pos to llama_forward(), branching is copying chunks.
 */
struct llama_kv {
	u32 n_chunks;
	void **chunks;
};

/** llama_kv_chunk_size() - Bytes of one chunk. */
size_t llama_kv_chunk_size(const struct llama_model *m);

/** llama_kv_chunks() - Chunks that hold @n_ctx positions. */
static inline u32 llama_kv_chunks(u32 n_ctx)
{
	return (n_ctx + LLAMA_KV_CHUNK - 1) / LLAMA_KV_CHUNK;
}

/**
 * struct llama_worker - Working memory of one member of a team.
 * @tmp:   For vectors of the widest input.
 * @row:   For products.
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
 * struct llama_scratch - Working memory of one pass. Opaque to callers, but for @team.
 * @team:    Who computes; NULL for the caller alone. May change between passes.
 * @n_ctx:   Positions that it has room for.
 * @n_batch: Tokens of a pass at the most.
 * @n_workers: Members of a team at the most.
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

/** llama_scratch_size() - Bytes that llama_scratch_init() wants. */
size_t llama_scratch_size(const struct llama_model *m, u32 n_ctx, u32 n_batch, u32 n_workers);

/**
 * llama_scratch_init() - Lay out scratch memory.
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

/**
 * llama_forward() - Run the model over a batch of tokens.
 * @m:      Model.
 * @s:      Scratch.
 * @kv:     Holds positions [0, @pos); [@pos, @pos + @n_tokens) are written. Every
 *   chunk up to there must be there.
 * @tokens: (n_tokens,) ids below n_vocab.
 * @n_tokens: 1 to s->n_batch; @pos + @n_tokens at most s->n_ctx.
 * @pos:    Position of @tokens[0].
 * @logits: (n_logits, n_vocab) Q16.16 logits of the last @n_logits tokens.
 * @n_logits: 0 to @n_tokens.
 * @yield:  Called between pieces of bounded work; may be NULL.
 *
 * Where the hook stops the work, positions from @pos on are undefined and the
 * call can simply be made again.
 *
 * Return: 0, -EINVAL on a bad id, position or chunk, or the hook's value.
 */
int llama_forward(const struct llama_model *m, struct llama_scratch *s, struct llama_kv *kv,
		  const u32 *tokens, u32 n_tokens, u32 pos, q16 *logits, u32 n_logits,
		  const struct llama_yield *yield);

#endif

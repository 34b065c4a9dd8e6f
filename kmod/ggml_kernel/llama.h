/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The forward pass
 *
 * Three objects: a model (shared, read-only), the KV cache of a conversation,
 * and the scratch memory of one running pass. The caller owns all memory.
 */
#ifndef LLAMA_H
#define LLAMA_H

#include "model.h"

#define LLAMA_KV_CHUNK 64	/* positions */
#define LLAMA_MAX_BATCH 64	/* tokens of one pass */

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
 * struct llama_scratch - Working memory of one pass. Opaque to callers.
 * @n_ctx:   Positions that it has room for.
 * @n_batch: Tokens of a pass at the most.
 */
struct llama_scratch {
	u32 n_ctx;
	u32 n_batch;
	q32 *x;			/* (n_batch, n_embd) residual stream */
	struct bfp in;		/* (n_batch, widest) input of a product */
	q32 *y;			/* (n_batch, n_embd) a product on its way into the stream */
	q32 *q;			/* (n_batch, n_head * n_head_dim) queries, then heads' output */
	q32 *k;			/* (n_batch, n_head_kv * n_head_dim) */
	q32 *v;			/* (n_batch, n_head_kv * n_head_dim) */
	q32 *gate;		/* (n_batch, n_ff) */
	q32 *up;		/* (n_batch, n_ff) */
	s64 *wide;		/* (widest) */
	s32 *a;			/* (widest) normalized */
	s32 *b;			/* (widest) normalized */
	s16 *query;		/* (n_head_dim) */
	q30 *sin;		/* (n_batch, n_rot / 2) */
	q30 *cos;		/* (n_batch, n_rot / 2) */
	q20 *score;		/* (n_ctx) */
	s64 *weight;		/* (n_ctx) softmax numerators */
	s16 *weight_q;		/* (n_ctx) */
	u8 *weight_h;		/* (bfp_blocks(n_ctx)) */
	struct weights_row row;
};

/** llama_scratch_size() - Bytes that llama_scratch_init() wants. */
size_t llama_scratch_size(const struct llama_model *m, u32 n_ctx, u32 n_batch);

/**
 * llama_scratch_init() - Lay out scratch memory.
 * @n_ctx:   1 to m->n_ctx_train.
 * @n_batch: 1 to LLAMA_MAX_BATCH.
 *
 * Return: 0, -EINVAL, or -ENOMEM where @arena is too small.
 */
int llama_scratch_init(struct llama_scratch *s, const struct llama_model *m, u32 n_ctx,
		       u32 n_batch, struct llama_arena *arena);

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

/** llama_isa() - Name of the path that computes ("generic"). */
const char *llama_isa(void);

#endif

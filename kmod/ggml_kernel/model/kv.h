/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The KV cache
 *
 * Keys and values of earlier positions, in chunks that the caller allocates.
 */
#ifndef LLAMA_KV_H
#define LLAMA_KV_H

#include "arithmetic/attention.h"
#include "model/model.h"

/**
 * struct llama_kv - The KV cache of a conversation, in chunks of positions.
 * @n_chunks: Number of entries at @chunks.
 * @chunks:   (n_chunks,) each of llama_kv_chunk_size() bytes, aligned to 64;
 *   NULL where the caller has not provided it yet. No initialisation needed.
 *
 * Chunk c holds positions [64 c, 64 c + 64) of every layer. The caller keeps the
 * number of filled positions. To roll back, it passes a smaller @pos to
 * llama_forward(); to branch, it copies chunks.
 */
struct llama_kv {
	u32 n_chunks;
	void **chunks;
};

/** llama_kv_chunk_size() - Return the bytes of a chunk. */
size_t llama_kv_chunk_size(const struct llama_model *m);

/** llama_kv_chunks() - Return the number of chunks that hold @n_ctx positions. */
static inline u32 llama_kv_chunks(u32 n_ctx)
{
	return (n_ctx + LLAMA_KV_CHUNK - 1) / LLAMA_KV_CHUNK;
}

/** llama_kv_holds() - Tell whether the caller has provided all chunks of @n_ctx positions. */
bool llama_kv_holds(const struct llama_kv *kv, u32 n_ctx);

/** llama_kv_head() - Return where key-value head @head of @layer lies in chunk @chunk. */
static inline struct attention_head llama_kv_head(const struct llama_kv *kv,
						  const struct llama_model *m, u32 chunk,
						  u32 layer, u32 head)
{
	size_t i = (size_t)layer * m->n_head_kv + head;

	return attention_head_at((u8 *)kv->chunks[chunk] + i * attention_head_size(m->n_head_dim),
				 m->n_head_dim);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: A KV cache
 *
 * The core keeps the keys and values of evaluated tokens in chunks of LLAMA_KV_CHUNK positions
 * and leaves their memory to its caller. A cache is that memory. It grows by chunks as positions
 * are reserved, and its positions can count against a user's quota.
 */
#ifndef LLAMUX_CACHE_H
#define LLAMUX_CACHE_H

#include "llama_core.h"
#include "resources/memory.h"

struct llamux_user;

/**
 * struct llamux_cache - A KV cache; all zeros is one without room.
 * @kv:     The core's view: (kv.n_chunks,) chunks, NULL until they are reserved.
 * @memory: (kv.n_chunks,) memory of the chunks.
 * @chunk:  Bytes of a chunk.
 * @user:   User whose LLAMUX_QUOTA_TOKENS is charged, or NULL.
 * @shared: The chunks belong to a model: in huge pages, zeroed so that they can be copied
 *          whole, and charged to no memory cgroup.
 */
struct llamux_cache {
	struct llama_kv kv;
	struct llamux_memory *memory;
	size_t chunk;
	struct llamux_user *user;
	bool shared;
};

/**
 * llamux_cache_init() - Set up a cache without chunks.
 * @cache:  Filled; on failure, too, llamux_cache_free() must follow.
 * @m:      Model.
 * @n_ctx:  Positions at the most.
 * @user:   User whose quota is charged, or NULL.
 * @shared: See struct llamux_cache.
 * Return: 0 or -ENOMEM.
 */
int llamux_cache_init(struct llamux_cache *cache, const struct llama_model *m, u32 n_ctx,
		      struct llamux_user *user, bool shared);

/**
 * llamux_cache_reserve() - Provide chunks for positions [0, @n).
 * @cache: Cache.
 * @n:     At most the cache's n_ctx.
 * Return: 0; -ENOBUFS if the user's quota does not allow it; -ENOMEM. Chunks that were reserved
 * before a failure stay.
 */
int llamux_cache_reserve(struct llamux_cache *cache, u32 n);

/** llamux_cache_copy() - Copy all chunks of @from to the reserved chunks of @to. */
void llamux_cache_copy(struct llamux_cache *to, const struct llamux_cache *from);

/** llamux_cache_free() - Overwrite and free all chunks and give the user's quota back. */
void llamux_cache_free(struct llamux_cache *cache);

#endif

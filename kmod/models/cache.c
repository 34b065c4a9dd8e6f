// SPDX-License-Identifier: GPL-2.0
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "cache.h"
#include "resources/user.h"

int llamux_cache_init(struct llamux_cache *cache, const struct llama_model *m, u32 n_ctx,
		      struct llamux_user *user, bool shared)
{
	gfp_t gfp = shared ? GFP_KERNEL : GFP_KERNEL_ACCOUNT;
	u32 n = llama_kv_chunks(n_ctx);

	*cache = (struct llamux_cache){
		.chunk = llama_kv_chunk_size(m),
		.user = user,
		.shared = shared,
	};
	cache->memory = kvcalloc(n, sizeof(*cache->memory), gfp);
	cache->kv.chunks = kvcalloc(n, sizeof(*cache->kv.chunks), gfp);
	if (!cache->memory || !cache->kv.chunks)
		return -ENOMEM;
	cache->kv.n_chunks = n;
	return 0;
}

static int alloc_chunk(const struct llamux_cache *cache, struct llamux_memory *memory)
{
	int err;

	if (!cache->shared)
		return llamux_memory_alloc(memory, cache->chunk);
	err = llamux_memory_alloc_huge(memory, cache->chunk);
	if (!err)
		memset(memory->data, 0, cache->chunk);
	return err;
}

static int reserve_chunk(struct llamux_cache *cache, u32 i)
{
	int err;

	if (cache->user && !llamux_user_reserve(cache->user, LLAMUX_QUOTA_TOKENS, LLAMA_KV_CHUNK))
		return -ENOBUFS;
	err = alloc_chunk(cache, &cache->memory[i]);
	if (err && cache->user)
		llamux_user_release(cache->user, LLAMUX_QUOTA_TOKENS, LLAMA_KV_CHUNK);
	cache->kv.chunks[i] = cache->memory[i].data;
	return err;
}

int llamux_cache_reserve(struct llamux_cache *cache, u32 n)
{
	u32 i;
	int err = 0;

	for (i = 0; !err && i < llama_kv_chunks(n); i++)
		if (!cache->kv.chunks[i])
			err = reserve_chunk(cache, i);
	return err;
}

void llamux_cache_copy(struct llamux_cache *to, const struct llamux_cache *from)
{
	u32 i;

	for (i = 0; i < from->kv.n_chunks; i++)
		memcpy(to->kv.chunks[i], from->kv.chunks[i], from->chunk);
}

void llamux_cache_free(struct llamux_cache *cache)
{
	u32 i;

	for (i = 0; i < cache->kv.n_chunks; i++) {
		if (cache->user && cache->kv.chunks[i])
			llamux_user_release(cache->user, LLAMUX_QUOTA_TOKENS, LLAMA_KV_CHUNK);
		llamux_memory_wipe(&cache->memory[i]);
	}
	kvfree(cache->memory);
	kvfree(cache->kv.chunks);
	memset(cache, 0, sizeof(*cache));
}

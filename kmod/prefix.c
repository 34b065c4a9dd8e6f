// SPDX-License-Identifier: GPL-2.0
#include <linux/mutex.h>

#include "memory.h"
#include "prefix.h"

#define MAX_TOKENS 512
#define MAX_CHUNKS (MAX_TOKENS / LLAMA_KV_CHUNK)

static struct {
	const struct llama_model *m;
	u32 n;				/* tokens */
	u32 ids[MAX_TOKENS];
	struct mutex lock;		/* guards what follows */
	u32 n_done;			/* evaluated */
	struct llamux_memory memory[MAX_CHUNKS];
	void *chunks[MAX_CHUNKS];
	struct llama_kv kv;
} prefix = {
	.lock = __MUTEX_INITIALIZER(prefix.lock),
};

u32 llamux_prefix_tokens(void)
{
	return prefix.n;
}

int llamux_prefix_start(const struct llamux_model *model, u32 n_ctx)
{
	struct llamux_memory tmp;
	long n;
	int err = llamux_memory_alloc(&tmp, 2 * llama_head_scratch(&model->m));

	if (err)
		return err;
	n = llama_generation_head(&model->m, prefix.ids, min_t(u32, MAX_TOKENS, n_ctx - 1),
				  tmp.data, NULL);
	llamux_memory_free(&tmp);
	prefix.m = &model->m;
	prefix.n = max(n, 0L);
	prefix.n_done = 0;
	prefix.kv = (struct llama_kv){ llama_kv_chunks(prefix.n), prefix.chunks };
	return 0;
}

void llamux_prefix_stop(void)
{
	u32 i;

	for (i = 0; i < MAX_CHUNKS; i++) {
		llamux_memory_free(&prefix.memory[i]);
		prefix.chunks[i] = NULL;
	}
	prefix.n = 0;
}

static int provide_chunks(void)
{
	u32 i;
	int err;

	for (i = 0; i < prefix.kv.n_chunks; i++) {
		if (prefix.chunks[i])
			continue;
		err = llamux_memory_alloc_huge(&prefix.memory[i], llama_kv_chunk_size(prefix.m));
		if (err)
			return err;
		/* The last one is copied whole, and not all of it will be written. */
		memset(prefix.memory[i].data, 0, llama_kv_chunk_size(prefix.m));
		prefix.chunks[i] = prefix.memory[i].data;
	}
	return 0;
}

/* Lock held. */
static int evaluate(struct llama_scratch *scratch, const struct llama_yield *yield, u32 *evaluated)
{
	int err = provide_chunks();

	while (!err && prefix.n_done < prefix.n) {
		u32 n = min(prefix.n - prefix.n_done, scratch->n_batch);

		err = llama_forward(prefix.m, scratch, &prefix.kv, prefix.ids + prefix.n_done, n,
				    prefix.n_done, NULL, 0, yield);
		if (err)
			return err;
		prefix.n_done += n;
		*evaluated += n;
	}
	return err;
}

int llamux_prefix_use(struct llama_generation *g, struct llama_kv *kv,
		      const struct llama_yield *yield, u32 *evaluated)
{
	u32 i;
	int err;

	/* Nobody waits for somebody else's priority or limits. */
	if (!prefix.n || !mutex_trylock(&prefix.lock))
		return 0;
	err = evaluate(&g->scratch, yield, evaluated);
	mutex_unlock(&prefix.lock);
	if (err)
		return err;
	for (i = 0; i < prefix.kv.n_chunks; i++)
		memcpy(kv->chunks[i], prefix.chunks[i], llama_kv_chunk_size(prefix.m));
	llama_generation_adopt(g, prefix.ids, prefix.n);
	return 0;
}

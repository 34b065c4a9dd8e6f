// SPDX-License-Identifier: GPL-2.0
#include "prefix.h"

int llamux_prefix_init(struct llamux_prefix *p, const struct llama_model *m, u32 n_ctx)
{
	struct llamux_memory tmp;
	long n;
	int err = llamux_memory_alloc(&tmp, 2 * llama_head_scratch(m));

	if (err)
		return err;
	n = llama_generation_head(m, p->ids, min_t(u32, LLAMUX_PREFIX_TOKENS, n_ctx - 1), tmp.data,
				  NULL);
	llamux_memory_free(&tmp);
	mutex_init(&p->lock);
	p->m = m;
	p->n = max(n, 0L);
	return llamux_cache_init(&p->cache, m, p->n, NULL, true);
}

void llamux_prefix_free(struct llamux_prefix *p)
{
	llamux_cache_free(&p->cache);
}

static int evaluate(struct llamux_prefix *p, struct llama_scratch *scratch,
		    const struct llama_yield *yield, u32 *evaluated)
{
	int err;

	lockdep_assert_held(&p->lock);
	err = llamux_cache_reserve(&p->cache, p->n);
	while (!err && p->n_done < p->n) {
		u32 n = min(p->n - p->n_done, scratch->n_batch);

		err = llama_forward(p->m, scratch, &p->cache.kv, p->ids + p->n_done, n,
				    p->n_done, NULL, 0, yield);
		if (err)
			return err;
		p->n_done += n;
		*evaluated += n;
	}
	return err;
}

int llamux_prefix_use(struct llamux_prefix *p, struct llama_generation *g,
		      struct llamux_cache *cache, const struct llama_yield *yield, u32 *evaluated)
{
	int err;

	/* Waiting would make the caller depend on the priority and limits of another task. */
	if (!p->n || !mutex_trylock(&p->lock))
		return 0;
	err = evaluate(p, &g->scratch, yield, evaluated);
	mutex_unlock(&p->lock);
	if (err)
		return err;
	llamux_cache_copy(cache, &p->cache);
	llama_generation_adopt(g, p->ids, p->n);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
#include "model/kv.h"

size_t llama_kv_chunk_size(const struct llama_model *m)
{
	return (size_t)m->n_layer * m->n_head_kv * attention_head_size(m->n_head_dim);
}

bool llama_kv_holds(const struct llama_kv *kv, u32 n_ctx)
{
	u32 i;

	if (llama_kv_chunks(n_ctx) > kv->n_chunks)
		return false;
	for (i = 0; i < llama_kv_chunks(n_ctx); i++)
		if (!kv->chunks[i])
			return false;
	return true;
}

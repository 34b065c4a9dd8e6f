// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "load.h"

void *llamuxu_alloc(size_t size)
{
	void *p = NULL;

	return posix_memalign(&p, LLAMA_ALIGN, size ? size : 1) ? NULL : p;
}

static void describe(const struct llama_model *m, struct llamuxu_load_report *report)
{
	report->n_params = m->n_params;
	report->n_ctx_train = m->n_ctx_train;
	report->n_vocab = m->n_vocab;
	report->kv_chunk_bytes = llama_kv_chunk_size(m);
	report->scratch_bytes = llama_scratch_size(m, m->n_ctx_train, LLAMA_MAX_BATCH, 1);
	snprintf(report->chat, sizeof(report->chat), "%s", llama_chat_name(m->chat));
	snprintf(report->file_type, sizeof(report->file_type), "%s", m->file_type);
}

static int load_model(const struct gguf *g, void *data, struct llamuxu_load_report *report)
{
	struct llama_arena arena = { 0 };
	struct llama_model m;
	size_t need;
	int err;

	err = llama_model_size(g, &need, &report->diag);
	if (err)
		return err;
	report->arena_bytes = need;
	arena.size = need;
	arena.base = llamuxu_alloc(need);
	if (!arena.base)
		return llama_fail(&report->diag, -ENOMEM, "no memory for %zu bytes", need);
	err = llama_model_init(&m, g, data, &arena, NULL, &report->diag);
	if (!err)
		describe(&m, report);
	free(arena.base);
	return err;
}

int llamuxu_load_check(void *data, u64 size, struct llamuxu_load_report *report)
{
	struct llama_diag *diag = &report->diag;
	struct gguf g;
	size_t need;
	void *index;
	int err;

	memset(report, 0, sizeof(*report));
	err = llama_gguf_index_size(data, size, &need, diag);
	if (err)
		return err;
	report->index_bytes = need;
	index = llamuxu_alloc(need);
	if (!index)
		return llama_fail(diag, -ENOMEM, "no memory for an index of %zu bytes", need);
	err = llama_gguf_parse(&g, data, size, index, need, diag);
	if (!err)
		err = load_model(&g, data, report);
	free(index);
	return err;
}

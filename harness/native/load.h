/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Loading a file as the module does, without the module
 */
#ifndef LLAMUXU_LOAD_H
#define LLAMUXU_LOAD_H

#include "llama_core.h"

/**
 * struct llamuxu_load_report - Result of loading a file.
 * @index_bytes: Memory for the index, needed only while loading.
 * @arena_bytes: Memory besides the image that the model keeps.
 * @kv_chunk_bytes: Memory of a conversation for each LLAMA_KV_CHUNK positions.
 * @scratch_bytes: Memory of one running pass at n_ctx_train and a whole batch.
 * @n_params:    Number of weights.
 * @n_ctx_train: Positions of the context.
 * @n_vocab:     Number of tokens.
 * @diag:        Diagnosis, or empty.
 * @chat:        Name of the chat template's family, or empty.
 * @file_type:   The type that most weights have, or empty.
 *
 * Fields that later steps fill are 0 if a step refuses the file.
 */
struct llamuxu_load_report {
	u64 index_bytes;
	u64 arena_bytes;
	u64 kv_chunk_bytes;
	u64 scratch_bytes;
	u64 n_params;
	u32 n_ctx_train;
	u32 n_vocab;
	struct llama_diag diag;
	char chat[16];
	char file_type[16];
};

/**
 * llamuxu_load_check() - Load a file as the module would.
 * @data: (size,) image, writable, aligned to 64; changed by the call.
 * @size: Bytes.
 * @report: Filled.
 *
 * Return: 0 or -errno.
 */
int llamuxu_load_check(void *data, u64 size, struct llamuxu_load_report *report);

/** llamuxu_alloc() - Allocate memory with the core's alignment. Return: NULL if there is none. */
void *llamuxu_alloc(size_t size);

#endif

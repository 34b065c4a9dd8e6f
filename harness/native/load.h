/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Loading a file as the module does, without the module
 */
#ifndef LLAMUXU_LOAD_H
#define LLAMUXU_LOAD_H

#include "llama_core.h"

/**
 * struct llamuxu_load_report - Result of a load.
 * @index_bytes: Memory for the index, needed only while loading.
 * @arena_bytes: Memory besides the image that the model keeps.
 * @kv_chunk_bytes: Bytes of the KV cache for LLAMA_KV_CHUNK positions.
 * @scratch_bytes: Scratch memory of a pass at n_ctx_train and a whole batch.
 * @n_params:    Number of weights.
 * @n_ctx_train: Longest context.
 * @n_vocab:     Number of tokens.
 * @diag:        Cause of a failure, or empty.
 * @chat:        Name of the chat template's family, or empty.
 * @file_type:   Most frequent type of weights, or empty.
 *
 * Fields of steps behind a failed one are 0.
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
 * llamuxu_load_check() - Load a file as the module would, and free it.
 * @data: (size,) image, writable, aligned to 64; changed.
 * @size: Bytes.
 * @report: Filled.
 *
 * Return: 0 or -errno.
 */
int llamuxu_load_check(void *data, u64 size, struct llamuxu_load_report *report);

/** llamuxu_alloc() - Allocate @size bytes, at least one, aligned for the core. */
void *llamuxu_alloc(size_t size);

#endif

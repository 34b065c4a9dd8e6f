// SPDX-License-Identifier: GPL-2.0
/* The parser with memory of its own, for ctypes. */
#include <stdlib.h>

#include "file/generated/ggml_types.h"
#include "llama_core.h"
#include "load.h"

/**
 * struct llamuxu_gguf - A parsed file that owns its index.
 * @g:     Head of the index; the caller owns the image.
 * @index: Memory of the index.
 */
struct llamuxu_gguf {
	struct gguf g;
	void *index;
};

/**
 * llamuxu_gguf_open() - Parse an image, which must outlive the result.
 * @slack: Added to the size of the index; too small below 0.
 *
 * Return: 0 and *@out, or -errno.
 */
int llamuxu_gguf_open(const void *data, u64 size, s64 slack, struct llamuxu_gguf **out,
		      struct llama_diag *diag)
{
	struct llamuxu_gguf *f;
	size_t need;
	int err;

	err = llama_gguf_index_size(data, size, &need, diag);
	if (err)
		return err;
	need += slack;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->index = llamuxu_alloc(need);
	if (!f->index) {
		free(f);
		return -ENOMEM;
	}
	err = llama_gguf_parse(&f->g, data, size, f->index, need, diag);
	if (err) {
		free(f->index);
		free(f);
		return err;
	}
	*out = f;
	return 0;
}

/** llamuxu_gguf_close() - Free the index. */
void llamuxu_gguf_close(struct llamuxu_gguf *f)
{
	free(f->index);
	free(f);
}

/** llamuxu_gguf_head() - Return the head of the index, for functions of the core. */
const struct gguf *llamuxu_gguf_head(const struct llamuxu_gguf *f)
{
	return &f->g;
}

/** llamuxu_gguf_kv() - Return entry @i in file order; NULL behind the last. */
const struct gguf_kv *llamuxu_gguf_kv(const struct llamuxu_gguf *f, u32 i)
{
	return i < f->g.n_kv ? &f->g.kv[i] : NULL;
}

/** llamuxu_gguf_tensor() - Return tensor @i in file order; NULL behind the last. */
const struct gguf_tensor *llamuxu_gguf_tensor(const struct llamuxu_gguf *f, u32 i)
{
	return i < f->g.n_tensors ? &f->g.tensors[i] : NULL;
}

/** llamuxu_gguf_strings() - List lengths and addresses of strings. Return: their number. */
u64 llamuxu_gguf_strings(const struct gguf_kv *kv, const char **data, u32 *len, u64 room)
{
	struct gguf_str_iter it;
	struct gguf_str s;
	u64 n = 0;

	llama_gguf_str_iter_init(&it, kv);
	while (n < room && llama_gguf_str_next(&it, &s)) {
		data[n] = s.data;
		len[n] = s.len;
		n++;
	}
	return n;
}

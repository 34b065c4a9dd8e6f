// SPDX-License-Identifier: GPL-2.0
/* Fuzz the GGUF parser: it must refuse a file or return an index that is safe to use. */
#include <stdlib.h>

#include "file/generated/ggml_types.h"
#include "llama_core.h"
#include "load.h"

#define CHECK(c) do { if (!(c)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static volatile u8 sink;

/* Read every byte, so that the address sanitizer checks it. */
static void touch(const void *p, u64 n)
{
	u64 i;

	for (i = 0; i < n; i++)
		sink ^= ((const u8 *)p)[i];
}

/* Check that the strings of an entry lie within it. */
static void check_strings(const struct gguf_kv *kv)
{
	struct gguf_str_iter it;
	struct gguf_str s;
	u64 n = 0;

	llama_gguf_str_iter_init(&it, kv);
	while (llama_gguf_str_next(&it, &s)) {
		CHECK((const u8 *)s.data >= kv->data);
		CHECK((const u8 *)s.data + s.len <= kv->data + kv->size);
		n++;
	}
	CHECK(n == (kv->elem_type == GGUF_TYPE_STRING ? kv->count : 0));
}

/* Check an entry with every function that reads one. */
static void check_entry(const struct gguf *g, const struct gguf_kv *kv)
{
	char *key = malloc(kv->key.len + 1);
	struct llama_diag diag = { "" };
	const struct gguf_kv *array;
	struct gguf_str s;
	bool b;
	u32 v;

	CHECK(key);
	memcpy(key, kv->key.data, kv->key.len);
	key[kv->key.len] = '\0';
	CHECK(llama_gguf_find(g, key) == kv);
	CHECK(kv->type <= GGUF_TYPE_FLOAT64 && kv->elem_type <= GGUF_TYPE_FLOAT64);
	CHECK(kv->elem_type != GGUF_TYPE_ARRAY);
	touch(kv->data, kv->size);
	check_strings(kv);
	llama_gguf_get_u32(g, key, &v, &diag);
	llama_gguf_get_f32(g, key, &v, NULL);
	if (!llama_gguf_get_bool(g, key, &b, NULL))
		CHECK(*kv->data <= 1);
	if (!llama_gguf_get_str(g, key, &s, NULL))
		touch(s.data, s.len);
	CHECK(llama_gguf_get_array(g, key, kv->elem_type, &array, NULL) ==
	      (kv->type == GGUF_TYPE_ARRAY ? 0 : -EINVAL));
	free(key);
}

/* Check that a tensor has a known type and lies within the file. */
static void check_tensor(const struct gguf *g, const struct gguf_tensor *t)
{
	const struct ggml_type_traits *traits = llama_type_traits(t->type);
	char name[GGUF_MAX_NAME + 1] = { 0 };
	u64 elements = t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];

	CHECK(t->name.len && t->name.len <= GGUF_MAX_NAME);
	memcpy(name, t->name.data, t->name.len);
	CHECK(llama_gguf_find_tensor(g, name) == t);
	CHECK(traits && t->size && elements / traits->block * traits->bytes == t->size);
	CHECK(t->offset <= g->size && t->size <= g->size - t->offset);
	CHECK(t->offset % g->alignment == 0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct llama_diag diag = { "" };
	struct gguf g;
	void *index;
	size_t need;
	u32 i;
	int err;

	if (llama_gguf_index_size(data, size, &need, &diag)) {
		CHECK(diag.text[0]);
		return 0;
	}
	/* The index must be in proportion to the file. */
	CHECK(need <= 16 * (size + LLAMA_ALIGN));
	index = llamuxu_alloc(need);
	err = llama_gguf_parse(&g, data, size, index, need, &diag);
	CHECK(!err == !diag.text[0]);
	for (i = 0; !err && i < g.n_kv; i++)
		check_entry(&g, &g.kv[i]);
	for (i = 0; !err && i < g.n_tensors; i++)
		check_tensor(&g, &g.tensors[i]);
	free(index);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/* The index of a GGUF file. */
#include "file/gguf.h"
#include "base/sort.h"
#include "file/gguf_read.h"
#include "file/gguf_values.h"

#define GGUF_MAGIC 0x46554747u	/* "GGUF" */
#define GGUF_HEADER 24		/* magic, version, two counts */
#define GGUF_MIN_KV 14		/* a key of one byte with a value of one byte */
#define GGUF_MIN_TENSOR 33	/* a name of one byte, one dimension */

#define LLU(v) ((unsigned long long)(v))

/* Turn the offset of a tensor in the data section into one in the file, and check it. */
static int place_tensor(const struct gguf *g, struct gguf_tensor *t, u64 start,
			struct llama_diag *diag)
{
	u64 end;

	if (t->offset % g->alignment)
		return llama_gguf_bad_tensor(diag, t, "offset %llu is no multiple of the alignment %u",
					     LLU(t->offset), g->alignment);
	if (check_add_overflow(t->offset, start, &t->offset) ||
	    check_add_overflow(t->offset, t->size, &end))
		return llama_gguf_bad_tensor(diag, t, "its offset overflows");
	if (end > g->size)
		return llama_gguf_bad_tensor(diag, t, "ends at byte %llu of a file of %llu",
					     LLU(end), LLU(g->size));
	return 0;
}

static int compare_keys(const struct gguf *g, u32 a, u32 b)
{
	return llama_gguf_compare(g->kv[a].key, g->kv[b].key);
}

static int compare_names(const struct gguf *g, u32 a, u32 b)
{
	return llama_gguf_compare(g->tensors[a].name, g->tensors[b].name);
}

static bool by_key(const void *g, u32 a, u32 b)
{
	return compare_keys(g, a, b) < 0;
}

static bool by_name(const void *g, u32 a, u32 b)
{
	return compare_names(g, a, b) < 0;
}

static bool by_offset(const void *arg, u32 a, u32 b)
{
	const struct gguf *g = arg;

	return g->tensors[a].offset < g->tensors[b].offset;
}

/* Fill @order with the indices [0, @n) as @less orders them. */
static void sort_order(const struct gguf *g, u32 *order, u32 n,
		       bool (*less)(const void *g, u32 a, u32 b))
{
	u32 i;

	for (i = 0; i < n; i++)
		order[i] = i;
	llama_sort_ids(order, n, less, g);
}

static int check_overlap(struct gguf *g, struct llama_diag *diag)
{
	const struct gguf_tensor *a, *b;
	u32 i;

	sort_order(g, g->tensor_order, g->n_tensors, by_offset);
	for (i = 1; i < g->n_tensors; i++) {
		a = &g->tensors[g->tensor_order[i - 1]];
		b = &g->tensors[g->tensor_order[i]];
		if (a->offset + a->size > b->offset)
			return llama_fail(diag, -EINVAL, "tensor %.*s overlaps tensor %.*s",
					  gguf_shown(a->name), a->name.data,
					  gguf_shown(b->name), b->name.data);
	}
	return 0;
}

static int order_keys(struct gguf *g, struct llama_diag *diag)
{
	u32 i;

	sort_order(g, g->kv_order, g->n_kv, by_key);
	for (i = 1; i < g->n_kv; i++)
		if (!compare_keys(g, g->kv_order[i - 1], g->kv_order[i]))
			return llama_gguf_bad_kv(diag, &g->kv[g->kv_order[i]], "a duplicate key");
	return 0;
}

static int order_tensors(struct gguf *g, struct llama_diag *diag)
{
	u32 i;

	sort_order(g, g->tensor_order, g->n_tensors, by_name);
	for (i = 1; i < g->n_tensors; i++)
		if (!compare_names(g, g->tensor_order[i - 1], g->tensor_order[i]))
			return llama_gguf_bad_tensor(diag, &g->tensors[g->tensor_order[i]],
						     "a duplicate name");
	return 0;
}

static int get_alignment(struct gguf *g, struct llama_diag *diag)
{
	const struct gguf_kv *kv = llama_gguf_find(g, "general.alignment");
	u32 v;

	g->alignment = 32;
	if (!kv)
		return 0;
	if (kv->type != GGUF_TYPE_UINT32)
		return llama_fail(diag, -EINVAL, "general.alignment is of type %s, not u32",
				  llama_gguf_types[kv->type].name);
	v = llama_get_u32(kv->data);
	if (v < 8 || v > 65536 || (v & (v - 1)))
		return llama_fail(diag, -EINVAL,
				  "general.alignment %u is no power of two from 8 to 65536",
				  v);
	g->alignment = v;
	return 0;
}

static int check_version(u32 version, struct llama_diag *diag)
{
	if (version == 2 || version == 3)
		return 0;
	if (version == 1)
		return llama_fail(diag, -ENOEXEC,
				  "GGUF version 1 is too old; 2 and 3 are supported");
	if (version && !(version & 0xffff))
		return llama_fail(diag, -ENOEXEC,
				  "a big-endian GGUF file; only little-endian ones are supported");
	return llama_fail(diag, -ENOEXEC, "GGUF version %u is unknown; 2 and 3 are supported",
			  version);
}

/* Read the fixed header into version, n_kv and n_tensors. */
static int parse_header(struct gguf *g, const void *data, u64 size, struct llama_diag *diag)
{
	struct gguf_reader r = { .data = data, .size = size };
	u64 n_tensors, n_kv;
	u32 magic;
	int err;

	memset(g, 0, sizeof(*g));
	g->data = data;
	g->size = size;
	if (!size)
		return llama_fail(diag, -ENOEXEC, "the file is empty");
	if (!llama_gguf_take_u32(&r, &magic))
		return llama_fail(diag, -ENOEXEC, "not a GGUF file: %llu bytes", LLU(size));
	if (magic != GGUF_MAGIC)
		return llama_fail(diag, -ENOEXEC, "not a GGUF file: it begins with 0x%08x",
				  magic);
	if (!llama_gguf_take_u32(&r, &g->version))
		return llama_fail(diag, -ENOEXEC, "truncated at the version");
	err = check_version(g->version, diag);
	if (err)
		return err;
	if (!llama_gguf_take_u64(&r, &n_tensors) || !llama_gguf_take_u64(&r, &n_kv))
		return llama_fail(diag, -EINVAL, "truncated at the counts");
	if (n_tensors > GGUF_MAX_TENSORS)
		return llama_fail(diag, -EINVAL, "%llu tensors are more than %u",
				  LLU(n_tensors), GGUF_MAX_TENSORS);
	if (!n_kv && !n_tensors)
		return llama_fail(diag, -EINVAL, "no metadata and no tensors");
	if (n_kv > GGUF_MAX_KV)
		return llama_fail(diag, -EINVAL, "%llu metadata entries are more than %u",
				  LLU(n_kv), GGUF_MAX_KV);
	if (n_tensors * GGUF_MIN_TENSOR + n_kv * GGUF_MIN_KV > llama_gguf_left(&r))
		return llama_fail(diag, -EINVAL,
				  "%llu tensors and %llu metadata entries do not fit a file of %llu bytes",
				  LLU(n_tensors), LLU(n_kv), LLU(size));
	g->n_tensors = n_tensors;
	g->n_kv = n_kv;
	return 0;
}

/* Allocate the arrays of the index; NULL while measuring. */
static void take_index(struct gguf *g, struct llama_arena *a)
{
	g->kv = llama_arena_alloc(a, g->n_kv, sizeof(*g->kv));
	g->tensors = llama_arena_alloc(a, g->n_tensors, sizeof(*g->tensors));
	g->kv_order = llama_arena_alloc(a, g->n_kv, sizeof(*g->kv_order));
	g->tensor_order = llama_arena_alloc(a, g->n_tensors, sizeof(*g->tensor_order));
}

int llama_gguf_index_size(const void *data, u64 size, size_t *need, struct llama_diag *diag)
{
	struct llama_arena measure = { .base = NULL };
	struct gguf g;
	int err;

	err = parse_header(&g, data, size, diag);
	if (err)
		return err;
	take_index(&g, &measure);
	*need = measure.used;
	return 0;
}

static int parse_metadata(struct gguf *g, struct gguf_reader *r, struct llama_diag *diag)
{
	u32 i;
	int err;

	for (i = 0; i < g->n_kv; i++) {
		err = llama_gguf_take_kv(r, &g->kv[i], i, diag);
		if (err)
			return err;
	}
	err = order_keys(g, diag);
	return err ? err : get_alignment(g, diag);
}

static int parse_tensors(struct gguf *g, struct gguf_reader *r, struct llama_diag *diag)
{
	u64 start;
	u32 i;
	int err;

	for (i = 0; i < g->n_tensors; i++) {
		err = llama_gguf_take_tensor(r, &g->tensors[i], i, diag);
		if (err)
			return err;
	}
	/* Cannot overflow: an image in memory ends far below 2^64. */
	start = (r->pos + g->alignment - 1) & ~((u64)g->alignment - 1);
	for (i = 0; i < g->n_tensors; i++) {
		err = place_tensor(g, &g->tensors[i], start, diag);
		if (err)
			return err;
	}
	err = check_overlap(g, diag);
	return err ? err : order_tensors(g, diag);
}

int llama_gguf_parse(struct gguf *g, const void *data, u64 size, void *index,
		     size_t index_size, struct llama_diag *diag)
{
	struct gguf_reader r = { .data = data, .size = size, .pos = GGUF_HEADER };
	struct llama_arena arena = { .base = index, .size = index_size };
	size_t need;
	int err;

	err = llama_gguf_index_size(data, size, &need, diag);
	if (err)
		return err;
	if (index_size < need || (need && !index))
		return llama_fail(diag, -ENOMEM, "the index needs %llu bytes", LLU(need));
	err = parse_header(g, data, size, diag);
	if (err)
		return err;
	take_index(g, &arena);
	err = parse_metadata(g, &r, diag);
	return err ? err : parse_tensors(g, &r, diag);
}


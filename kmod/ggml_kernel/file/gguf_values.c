// SPDX-License-Identifier: GPL-2.0
/* Metadata and tensors of a file, by name. */
#include "file/gguf_values.h"
#include "file/gguf_read.h"

/* Return the length of @s, at most GGUF_MAX_KEY. */
static u32 length(const char *s)
{
	u32 n = 0;

	while (n < GGUF_MAX_KEY && s[n])
		n++;
	return n;
}

/* Compare names: shorter ones come first, which is a quick total order. */
int llama_gguf_compare(struct gguf_str a, struct gguf_str b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return memcmp(a.data, b.data, a.len);
}

const struct gguf_kv *llama_gguf_find(const struct gguf *g, const char *key)
{
	struct gguf_str want = { .data = key, .len = length(key) };
	u32 lo = 0, hi = g->n_kv;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;
		const struct gguf_kv *kv = &g->kv[g->kv_order[mid]];
		int c = llama_gguf_compare(want, kv->key);

		if (!c)
			return kv;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const struct gguf_tensor *llama_gguf_find_tensor(const struct gguf *g, const char *name)
{
	struct gguf_str want = { .data = name, .len = length(name) };
	u32 lo = 0, hi = g->n_tensors;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;
		const struct gguf_tensor *t = &g->tensors[g->tensor_order[mid]];
		int c = llama_gguf_compare(want, t->name);

		if (!c)
			return t;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static int find_or_fail(const struct gguf *g, const char *key, const struct gguf_kv **kv,
			struct llama_diag *diag)
{
	*kv = llama_gguf_find(g, key);
	return *kv ? 0 : llama_fail(diag, -ENOENT, "missing key %s", key);
}

static int wrong_type(const struct gguf_kv *kv, const char *want, struct llama_diag *diag)
{
	return llama_fail(diag, -EINVAL, "%.*s is of type %s, not %s", gguf_shown(kv->key),
			  kv->key.data, llama_gguf_types[kv->type].name, want);
}

int llama_gguf_get_u32(const struct gguf *g, const char *key, u32 *v, struct llama_diag *diag)
{
	const struct gguf_kv *kv;
	u64 value;
	int err;

	err = find_or_fail(g, key, &kv, diag);
	if (err)
		return err;
	/* A negative number becomes a u64 that is out of range. */
	switch (kv->type) {
	case GGUF_TYPE_UINT8:
		value = *kv->data;
		break;
	case GGUF_TYPE_INT8:
		value = (s64)(s8)*kv->data;
		break;
	case GGUF_TYPE_UINT16:
		value = llama_get_u16(kv->data);
		break;
	case GGUF_TYPE_INT16:
		value = (s64)(s16)llama_get_u16(kv->data);
		break;
	case GGUF_TYPE_UINT32:
		value = llama_get_u32(kv->data);
		break;
	case GGUF_TYPE_INT32:
		value = (s64)(s32)llama_get_u32(kv->data);
		break;
	case GGUF_TYPE_UINT64:
	case GGUF_TYPE_INT64:
		value = llama_get_u64(kv->data);
		break;
	default:
		return wrong_type(kv, "an integer", diag);
	}
	if (value > U32_MAX)
		return llama_fail(diag, -EINVAL, "%s is out of range: %lld", key,
				  (long long)value);
	*v = value;
	return 0;
}

int llama_gguf_get_f32(const struct gguf *g, const char *key, u32 *bits, struct llama_diag *diag)
{
	const struct gguf_kv *kv;
	int err;

	err = find_or_fail(g, key, &kv, diag);
	if (err)
		return err;
	if (kv->type != GGUF_TYPE_FLOAT32)
		return wrong_type(kv, "f32", diag);
	*bits = llama_get_u32(kv->data);
	return 0;
}

int llama_gguf_get_bool(const struct gguf *g, const char *key, bool *v, struct llama_diag *diag)
{
	const struct gguf_kv *kv;
	int err;

	err = find_or_fail(g, key, &kv, diag);
	if (err)
		return err;
	if (kv->type != GGUF_TYPE_BOOL)
		return wrong_type(kv, "bool", diag);
	*v = *kv->data;
	return 0;
}

static const u8 *read_str(const u8 *p, struct gguf_str *s)
{
	s->len = llama_get_u64(p);
	s->data = (const char *)p + sizeof(u64);
	return p + sizeof(u64) + s->len;
}

int llama_gguf_get_str(const struct gguf *g, const char *key, struct gguf_str *v,
		       struct llama_diag *diag)
{
	const struct gguf_kv *kv;
	int err;

	err = find_or_fail(g, key, &kv, diag);
	if (err)
		return err;
	if (kv->type != GGUF_TYPE_STRING)
		return wrong_type(kv, "string", diag);
	read_str(kv->data, v);
	return 0;
}

int llama_gguf_get_array(const struct gguf *g, const char *key, u32 elem_type,
			 const struct gguf_kv **kv, struct llama_diag *diag)
{
	int err;

	err = find_or_fail(g, key, kv, diag);
	if (err)
		return err;
	if ((*kv)->type != GGUF_TYPE_ARRAY)
		return wrong_type(*kv, "array", diag);
	if ((*kv)->elem_type != elem_type)
		return llama_fail(diag, -EINVAL, "%s is an array of %s, not of %s", key,
				  llama_gguf_types[(*kv)->elem_type].name,
				  elem_type < GGUF_TYPES ?
				  llama_gguf_types[elem_type].name : "?");
	return 0;
}

void llama_gguf_str_iter_init(struct gguf_str_iter *it, const struct gguf_kv *kv)
{
	it->next = kv->data;
	it->left = kv->elem_type == GGUF_TYPE_STRING ? kv->count : 0;
}

bool llama_gguf_str_next(struct gguf_str_iter *it, struct gguf_str *s)
{
	if (!it->left)
		return false;
	it->left--;
	it->next = read_str(it->next, s);
	return true;
}

bool llama_gguf_str_eq(struct gguf_str s, const char *lit)
{
	return s.len == length(lit) && !memcmp(s.data, lit, s.len);
}

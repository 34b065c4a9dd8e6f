// SPDX-License-Identifier: GPL-2.0
/* Entries of a GGUF header: read byte by byte and checked. */
#include "file/gguf_read.h"
#include "file/generated/ggml_types.h"

#define GGUF_MAX_STRING (1u << 24)

#define LLU(v) ((unsigned long long)(v))

const struct gguf_value_type llama_gguf_types[GGUF_TYPES] = {
	[GGUF_TYPE_UINT8] = { "u8", 1 },	[GGUF_TYPE_INT8] = { "i8", 1 },
	[GGUF_TYPE_UINT16] = { "u16", 2 },	[GGUF_TYPE_INT16] = { "i16", 2 },
	[GGUF_TYPE_UINT32] = { "u32", 4 },	[GGUF_TYPE_INT32] = { "i32", 4 },
	[GGUF_TYPE_FLOAT32] = { "f32", 4 },	[GGUF_TYPE_BOOL] = { "bool", 1 },
	[GGUF_TYPE_STRING] = { "string", 0 },	[GGUF_TYPE_ARRAY] = { "array", 0 },
	[GGUF_TYPE_UINT64] = { "u64", 8 },	[GGUF_TYPE_INT64] = { "i64", 8 },
	[GGUF_TYPE_FLOAT64] = { "f64", 8 },
};

int llama_gguf_bad_kv(struct llama_diag *diag, const struct gguf_kv *kv, const char *fmt, ...)
{
	char what[120];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return llama_fail(diag, -EINVAL, "%.*s: %s", gguf_shown(kv->key), kv->key.data, what);
}

int llama_gguf_bad_tensor(struct llama_diag *diag, const struct gguf_tensor *t, const char *fmt,
			  ...)
{
	char what[120];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return llama_fail(diag, -EINVAL, "tensor %.*s: %s", gguf_shown(t->name), t->name.data,
			  what);
}

u64 llama_gguf_left(const struct gguf_reader *r)
{
	return r->size - r->pos;
}

bool llama_gguf_take_u32(struct gguf_reader *r, u32 *v)
{
	if (llama_gguf_left(r) < sizeof(*v))
		return false;
	*v = llama_get_u32(r->data + r->pos);
	r->pos += sizeof(*v);
	return true;
}

bool llama_gguf_take_u64(struct gguf_reader *r, u64 *v)
{
	if (llama_gguf_left(r) < sizeof(*v))
		return false;
	*v = llama_get_u64(r->data + r->pos);
	r->pos += sizeof(*v);
	return true;
}

static bool has_nul(struct gguf_str s)
{
	u32 i;

	for (i = 0; i < s.len; i++)
		if (!s.data[i])
			return true;
	return false;
}

/* Take a key or a tensor's name: a length, then bytes without a NUL. */
static int take_name(struct gguf_reader *r, struct gguf_str *s, u32 most, const char *what, u32 i,
		     struct llama_diag *diag)
{
	u64 n;

	if (!llama_gguf_take_u64(r, &n))
		return llama_fail(diag, -EINVAL, "truncated at the length of %s %u", what, i);
	if (!n)
		return llama_fail(diag, -EINVAL, "%s %u is empty", what, i);
	if (n > most)
		return llama_fail(diag, -EINVAL, "%s %u: length %llu is above %u",
				  what, i, LLU(n), most);
	if (n > llama_gguf_left(r))
		return llama_fail(diag, -EINVAL, "truncated inside %s %u", what, i);
	s->data = (const char *)r->data + r->pos;
	s->len = n;
	r->pos += n;
	if (has_nul(*s))
		return llama_fail(diag, -EINVAL, "%s %u holds a NUL byte", what, i);
	return 0;
}

static int check_bools(const struct gguf_kv *kv, struct llama_diag *diag)
{
	u64 i;

	for (i = 0; i < kv->count; i++)
		if (kv->data[i] > 1)
			return llama_gguf_bad_kv(diag, kv, "%u is not a bool", kv->data[i]);
	return 0;
}

static int take_strings(struct gguf_reader *r, const struct gguf_kv *kv, struct llama_diag *diag)
{
	u64 i, n;

	for (i = 0; i < kv->count; i++) {
		if (!llama_gguf_take_u64(r, &n))
			return llama_gguf_bad_kv(diag, kv, "truncated at the length of string %llu",
						 LLU(i));
		if (n > GGUF_MAX_STRING)
			return llama_gguf_bad_kv(diag, kv, "string %llu of %llu bytes is too long",
						 LLU(i), LLU(n));
		if (n > llama_gguf_left(r))
			return llama_gguf_bad_kv(diag, kv, "truncated inside string %llu", LLU(i));
		r->pos += n;
	}
	return 0;
}

static int take_array_head(struct gguf_reader *r, struct gguf_kv *kv, struct llama_diag *diag)
{
	if (!llama_gguf_take_u32(r, &kv->elem_type))
		return llama_gguf_bad_kv(diag, kv, "truncated at the element type");
	if (!llama_gguf_take_u64(r, &kv->count))
		return llama_gguf_bad_kv(diag, kv, "truncated at the number of elements");
	if (kv->elem_type == GGUF_TYPE_ARRAY)
		return llama_gguf_bad_kv(diag, kv, "an array of arrays");
	if (kv->elem_type >= GGUF_TYPES)
		return llama_gguf_bad_kv(diag, kv, "unknown element type %u", kv->elem_type);
	if (kv->count > GGUF_MAX_ARRAY)
		return llama_gguf_bad_kv(diag, kv, "an array of %llu elements is too long",
					 LLU(kv->count));
	return 0;
}

static int take_value(struct gguf_reader *r, struct gguf_kv *kv, struct llama_diag *diag)
{
	u64 start;
	int err;

	if (!llama_gguf_take_u32(r, &kv->type))
		return llama_gguf_bad_kv(diag, kv, "truncated at the type");
	if (kv->type >= GGUF_TYPES)
		return llama_gguf_bad_kv(diag, kv, "unknown value type %u", kv->type);
	kv->elem_type = kv->type;
	kv->count = 1;
	if (kv->type == GGUF_TYPE_ARRAY) {
		err = take_array_head(r, kv, diag);
		if (err)
			return err;
	}

	start = r->pos;
	kv->data = r->data + start;
	if (kv->elem_type == GGUF_TYPE_STRING) {
		err = take_strings(r, kv, diag);
		kv->size = r->pos - start;
		return err;
	}
	/* At most GGUF_MAX_ARRAY values of 8 bytes. */
	kv->size = kv->count * llama_gguf_types[kv->elem_type].size;
	if (kv->size > llama_gguf_left(r))
		return llama_gguf_bad_kv(diag, kv, "truncated inside the value");
	r->pos += kv->size;
	return kv->elem_type == GGUF_TYPE_BOOL ? check_bools(kv, diag) : 0;
}

int llama_gguf_take_kv(struct gguf_reader *r, struct gguf_kv *kv, u32 i, struct llama_diag *diag)
{
	int err = take_name(r, &kv->key, GGUF_MAX_KEY, "key", i, diag);

	return err ? err : take_value(r, kv, diag);
}

/* Set the bytes of a tensor: blocks of a row times rows. No product may overflow. */
static int tensor_size(struct gguf_tensor *t, struct llama_diag *diag)
{
	const struct ggml_type_traits *traits = llama_type_traits(t->type);
	const char *name = llama_type_name(t->type);
	u64 size;
	u32 i;

	if (!name)
		return llama_gguf_bad_tensor(diag, t, "unknown type %u", t->type);
	if (!traits)
		return llama_fail(diag, -EOPNOTSUPP, "tensor %.*s: type %s is not supported",
				  gguf_shown(t->name), t->name.data, name);
	if (t->ne[0] % traits->block)
		return llama_gguf_bad_tensor(diag, t, "rows of %llu are no multiple of %s's block of %u",
					     LLU(t->ne[0]), name, traits->block);
	size = t->ne[0] / traits->block;
	for (i = 0; i < t->n_dims; i++)
		if (check_mul_overflow(size, i ? t->ne[i] : traits->bytes, &size))
			return llama_gguf_bad_tensor(diag, t,
						     "its size overflows at dimension %u",
						     i);
	t->size = size;
	return 0;
}

static int tensor_truncated(const struct gguf_tensor *t, const char *what,
			    struct llama_diag *diag)
{
	return llama_gguf_bad_tensor(diag, t, "truncated at its %s", what);
}

int llama_gguf_take_tensor(struct gguf_reader *r, struct gguf_tensor *t, u32 i,
			   struct llama_diag *diag)
{
	u32 d;
	int err;

	err = take_name(r, &t->name, GGUF_MAX_NAME, "tensor name", i, diag);
	if (err)
		return err;
	if (!llama_gguf_take_u32(r, &t->n_dims))
		return tensor_truncated(t, "number of dimensions", diag);
	if (!t->n_dims || t->n_dims > GGUF_MAX_DIMS)
		return llama_gguf_bad_tensor(diag, t, "%u dimensions, not 1 to %u",
					     t->n_dims, GGUF_MAX_DIMS);
	for (d = 0; d < GGUF_MAX_DIMS; d++) {
		t->ne[d] = 1;
		if (d >= t->n_dims)
			continue;
		if (!llama_gguf_take_u64(r, &t->ne[d]))
			return tensor_truncated(t, "dimensions", diag);
		if (!t->ne[d])
			return llama_gguf_bad_tensor(diag, t, "dimension %u is 0", d);
	}
	if (!llama_gguf_take_u32(r, &t->type))
		return tensor_truncated(t, "type", diag);
	if (!llama_gguf_take_u64(r, &t->offset))
		return tensor_truncated(t, "offset", diag);
	return tensor_size(t, diag);
}

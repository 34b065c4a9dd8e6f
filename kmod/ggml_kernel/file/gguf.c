// SPDX-License-Identifier: GPL-2.0
#include "file/gguf.h"
#include "base/sort.h"
#include "file/generated/ggml_traits.h"

#define GGUF_MAGIC 0x46554747u	/* "GGUF" */
#define GGUF_HEADER 24		/* magic, version, two counts */
#define GGUF_MIN_KV 14		/* a key of one byte with a value of one byte */
#define GGUF_MIN_TENSOR 33	/* a name of one byte, one dimension */
#define GGUF_MAX_STRING (1u << 24)
#define GGUF_SHOWN 48		/* bytes of a name that a message repeats */

#define LLU(v) ((unsigned long long)(v))

const struct ggml_type_traits *llama_type_traits(u32 type)
{
	if (type >= GGML_TYPE_COUNT || !ggml_traits_table[type].bytes)
		return NULL;
	return &ggml_traits_table[type];
}

const char *llama_type_name(u32 type)
{
	return type < GGML_TYPE_COUNT ? ggml_traits_table[type].name : NULL;
}

/* strlen() is none of the functions that the core may call. */
static u32 length(const char *s)
{
	u32 n = 0;

	while (n < GGUF_MAX_KEY && s[n])
		n++;
	return n;
}

static const struct {
	const char *name;
	u32 size;	/* of one value; 0 where it varies */
} value_types[] = {
	[GGUF_TYPE_UINT8] = { "u8", 1 },	[GGUF_TYPE_INT8] = { "i8", 1 },
	[GGUF_TYPE_UINT16] = { "u16", 2 },	[GGUF_TYPE_INT16] = { "i16", 2 },
	[GGUF_TYPE_UINT32] = { "u32", 4 },	[GGUF_TYPE_INT32] = { "i32", 4 },
	[GGUF_TYPE_FLOAT32] = { "f32", 4 },	[GGUF_TYPE_BOOL] = { "bool", 1 },
	[GGUF_TYPE_STRING] = { "string", 0 },	[GGUF_TYPE_ARRAY] = { "array", 0 },
	[GGUF_TYPE_UINT64] = { "u64", 8 },	[GGUF_TYPE_INT64] = { "i64", 8 },
	[GGUF_TYPE_FLOAT64] = { "f64", 8 },
};

/* A message names a key or a tensor by its first bytes. */
static int shown(struct gguf_str s)
{
	return min_t(u32, s.len, GGUF_SHOWN);
}

static __printf(3, 4) int bad_kv(struct llama_diag *diag, const struct gguf_kv *kv,
				 const char *fmt, ...)
{
	char what[120];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return llama_fail(diag, -EINVAL, "%.*s: %s", shown(kv->key), kv->key.data, what);
}

static __printf(3, 4) int bad_tensor(struct llama_diag *diag, const struct gguf_tensor *t,
				     const char *fmt, ...)
{
	char what[120];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return llama_fail(diag, -EINVAL, "tensor %.*s: %s", shown(t->name), t->name.data, what);
}

/* The part of a file image that is not yet read. */
struct reader {
	const u8 *data;
	u64 size;
	u64 pos;	/* at most size */
};

static u64 left(const struct reader *r)
{
	return r->size - r->pos;
}

static bool take_u32(struct reader *r, u32 *v)
{
	if (left(r) < sizeof(*v))
		return false;
	*v = llama_get_u32(r->data + r->pos);
	r->pos += sizeof(*v);
	return true;
}

static bool take_u64(struct reader *r, u64 *v)
{
	if (left(r) < sizeof(*v))
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

/* A key or a tensor's name: a length, then bytes without a NUL. */
static int take_name(struct reader *r, struct gguf_str *s, u32 most,
		     const char *what, u32 i, struct llama_diag *diag)
{
	u64 n;

	if (!take_u64(r, &n))
		return llama_fail(diag, -EINVAL, "truncated at the length of %s %u", what, i);
	if (!n)
		return llama_fail(diag, -EINVAL, "%s %u is empty", what, i);
	if (n > most)
		return llama_fail(diag, -EINVAL, "%s %u: length %llu is above %u",
				  what, i, LLU(n), most);
	if (n > left(r))
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
			return bad_kv(diag, kv, "%u is not a bool", kv->data[i]);
	return 0;
}

static int take_strings(struct reader *r, const struct gguf_kv *kv, struct llama_diag *diag)
{
	u64 i, n;

	for (i = 0; i < kv->count; i++) {
		if (!take_u64(r, &n))
			return bad_kv(diag, kv, "truncated at the length of string %llu",
				      LLU(i));
		if (n > GGUF_MAX_STRING)
			return bad_kv(diag, kv, "string %llu of %llu bytes is too long",
				      LLU(i), LLU(n));
		if (n > left(r))
			return bad_kv(diag, kv, "truncated inside string %llu", LLU(i));
		r->pos += n;
	}
	return 0;
}

static int take_array_head(struct reader *r, struct gguf_kv *kv, struct llama_diag *diag)
{
	if (!take_u32(r, &kv->elem_type))
		return bad_kv(diag, kv, "truncated at the element type");
	if (!take_u64(r, &kv->count))
		return bad_kv(diag, kv, "truncated at the number of elements");
	if (kv->elem_type == GGUF_TYPE_ARRAY)
		return bad_kv(diag, kv, "an array of arrays");
	if (kv->elem_type >= ARRAY_SIZE(value_types))
		return bad_kv(diag, kv, "unknown element type %u", kv->elem_type);
	if (kv->count > GGUF_MAX_ARRAY)
		return bad_kv(diag, kv, "an array of %llu elements is too long",
			      LLU(kv->count));
	return 0;
}

static int take_value(struct reader *r, struct gguf_kv *kv, struct llama_diag *diag)
{
	u64 start;
	int err;

	if (!take_u32(r, &kv->type))
		return bad_kv(diag, kv, "truncated at the type");
	if (kv->type >= ARRAY_SIZE(value_types))
		return bad_kv(diag, kv, "unknown value type %u", kv->type);
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
	kv->size = kv->count * value_types[kv->elem_type].size;
	if (kv->size > left(r))
		return bad_kv(diag, kv, "truncated inside the value");
	r->pos += kv->size;
	return kv->elem_type == GGUF_TYPE_BOOL ? check_bools(kv, diag) : 0;
}

/* Blocks along ne[0] times rows; every product must fit. */
static int tensor_size(struct gguf_tensor *t, struct llama_diag *diag)
{
	const struct ggml_type_traits *traits = llama_type_traits(t->type);
	const char *name = llama_type_name(t->type);
	u64 size;
	u32 i;

	if (!name)
		return bad_tensor(diag, t, "unknown type %u", t->type);
	if (!traits)
		return llama_fail(diag, -EOPNOTSUPP, "tensor %.*s: type %s is not supported",
				  shown(t->name), t->name.data, name);
	if (t->ne[0] % traits->block)
		return bad_tensor(diag, t, "rows of %llu are no multiple of %s's block of %u",
				  LLU(t->ne[0]), name, traits->block);
	size = t->ne[0] / traits->block;
	for (i = 0; i < t->n_dims; i++)
		if (check_mul_overflow(size, i ? t->ne[i] : traits->bytes, &size))
			return bad_tensor(diag, t, "its size overflows at dimension %u", i);
	t->size = size;
	return 0;
}

static int tensor_truncated(const struct gguf_tensor *t, const char *what,
			    struct llama_diag *diag)
{
	return bad_tensor(diag, t, "truncated at its %s", what);
}

static int take_tensor(struct reader *r, struct gguf_tensor *t, u32 i, struct llama_diag *diag)
{
	u32 d;
	int err;

	err = take_name(r, &t->name, GGUF_MAX_NAME, "tensor name", i, diag);
	if (err)
		return err;
	if (!take_u32(r, &t->n_dims))
		return tensor_truncated(t, "number of dimensions", diag);
	if (!t->n_dims || t->n_dims > GGUF_MAX_DIMS)
		return bad_tensor(diag, t, "%u dimensions, not 1 to %u",
				  t->n_dims, GGUF_MAX_DIMS);
	for (d = 0; d < GGUF_MAX_DIMS; d++) {
		t->ne[d] = 1;
		if (d >= t->n_dims)
			continue;
		if (!take_u64(r, &t->ne[d]))
			return tensor_truncated(t, "dimensions", diag);
		if (!t->ne[d])
			return bad_tensor(diag, t, "dimension %u is 0", d);
	}
	if (!take_u32(r, &t->type))
		return tensor_truncated(t, "type", diag);
	if (!take_u64(r, &t->offset))
		return tensor_truncated(t, "offset", diag);
	return tensor_size(t, diag);
}

/* From an offset in the data section to one in the file, inside the file. */
static int place_tensor(const struct gguf *g, struct gguf_tensor *t, u64 start,
			struct llama_diag *diag)
{
	u64 end;

	if (t->offset % g->alignment)
		return bad_tensor(diag, t, "offset %llu is no multiple of the alignment %u",
				  LLU(t->offset), g->alignment);
	if (check_add_overflow(t->offset, start, &t->offset) ||
	    check_add_overflow(t->offset, t->size, &end))
		return bad_tensor(diag, t, "its offset overflows");
	if (end > g->size)
		return bad_tensor(diag, t, "ends at byte %llu of a file of %llu",
				  LLU(end), LLU(g->size));
	return 0;
}

/* Any total order of names will do: shorter first is the quickest. */
static int name_cmp(struct gguf_str a, struct gguf_str b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return memcmp(a.data, b.data, a.len);
}

static int compare_keys(const struct gguf *g, u32 a, u32 b)
{
	return name_cmp(g->kv[a].key, g->kv[b].key);
}

static int compare_names(const struct gguf *g, u32 a, u32 b)
{
	return name_cmp(g->tensors[a].name, g->tensors[b].name);
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
					  shown(a->name), a->name.data,
					  shown(b->name), b->name.data);
	}
	return 0;
}

static int order_keys(struct gguf *g, struct llama_diag *diag)
{
	u32 i;

	sort_order(g, g->kv_order, g->n_kv, by_key);
	for (i = 1; i < g->n_kv; i++)
		if (!compare_keys(g, g->kv_order[i - 1], g->kv_order[i]))
			return bad_kv(diag, &g->kv[g->kv_order[i]], "a duplicate key");
	return 0;
}

static int order_tensors(struct gguf *g, struct llama_diag *diag)
{
	u32 i;

	sort_order(g, g->tensor_order, g->n_tensors, by_name);
	for (i = 1; i < g->n_tensors; i++)
		if (!compare_names(g, g->tensor_order[i - 1], g->tensor_order[i]))
			return bad_tensor(diag, &g->tensors[g->tensor_order[i]],
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
				  value_types[kv->type].name);
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

/* The fixed header. Sets version, n_kv and n_tensors. */
static int parse_header(struct gguf *g, const void *data, u64 size, struct llama_diag *diag)
{
	struct reader r = { .data = data, .size = size };
	u64 n_tensors, n_kv;
	u32 magic;
	int err;

	memset(g, 0, sizeof(*g));
	g->data = data;
	g->size = size;
	if (!size)
		return llama_fail(diag, -ENOEXEC, "the file is empty");
	if (!take_u32(&r, &magic))
		return llama_fail(diag, -ENOEXEC, "not a GGUF file: %llu bytes", LLU(size));
	if (magic != GGUF_MAGIC)
		return llama_fail(diag, -ENOEXEC, "not a GGUF file: it begins with 0x%08x",
				  magic);
	if (!take_u32(&r, &g->version))
		return llama_fail(diag, -ENOEXEC, "truncated at the version");
	err = check_version(g->version, diag);
	if (err)
		return err;
	if (!take_u64(&r, &n_tensors) || !take_u64(&r, &n_kv))
		return llama_fail(diag, -EINVAL, "truncated at the counts");
	if (n_tensors > GGUF_MAX_TENSORS)
		return llama_fail(diag, -EINVAL, "%llu tensors are more than %u",
				  LLU(n_tensors), GGUF_MAX_TENSORS);
	if (!n_kv && !n_tensors)
		return llama_fail(diag, -EINVAL, "no metadata and no tensors");
	if (n_kv > GGUF_MAX_KV)
		return llama_fail(diag, -EINVAL, "%llu metadata entries are more than %u",
				  LLU(n_kv), GGUF_MAX_KV);
	if (n_tensors * GGUF_MIN_TENSOR + n_kv * GGUF_MIN_KV > left(&r))
		return llama_fail(diag, -EINVAL,
				  "%llu tensors and %llu metadata entries do not fit a file of %llu bytes",
				  LLU(n_tensors), LLU(n_kv), LLU(size));
	g->n_tensors = n_tensors;
	g->n_kv = n_kv;
	return 0;
}

/* With an arena that only measures, the pointers become NULL. */
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

static int parse_metadata(struct gguf *g, struct reader *r, struct llama_diag *diag)
{
	u32 i;
	int err;

	for (i = 0; i < g->n_kv; i++) {
		err = take_name(r, &g->kv[i].key, GGUF_MAX_KEY, "key", i, diag);
		if (err)
			return err;
		err = take_value(r, &g->kv[i], diag);
		if (err)
			return err;
	}
	err = order_keys(g, diag);
	return err ? err : get_alignment(g, diag);
}

static int parse_tensors(struct gguf *g, struct reader *r, struct llama_diag *diag)
{
	u64 start;
	u32 i;
	int err;

	for (i = 0; i < g->n_tensors; i++) {
		err = take_tensor(r, &g->tensors[i], i, diag);
		if (err)
			return err;
	}
	/* An image in memory ends far below 2^64. */
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
	struct reader r = { .data = data, .size = size, .pos = GGUF_HEADER };
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

const struct gguf_kv *llama_gguf_find(const struct gguf *g, const char *key)
{
	struct gguf_str want = { .data = key, .len = length(key) };
	u32 lo = 0, hi = g->n_kv;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;
		const struct gguf_kv *kv = &g->kv[g->kv_order[mid]];
		int c = name_cmp(want, kv->key);

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
		int c = name_cmp(want, t->name);

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
	return llama_fail(diag, -EINVAL, "%.*s is of type %s, not %s", shown(kv->key),
			  kv->key.data, value_types[kv->type].name, want);
}

int llama_gguf_get_u32(const struct gguf *g, const char *key, u32 *v, struct llama_diag *diag)
{
	const struct gguf_kv *kv;
	u64 value;
	int err;

	err = find_or_fail(g, key, &kv, diag);
	if (err)
		return err;
	/* A negative number becomes one that does not fit. */
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
				  value_types[(*kv)->elem_type].name,
				  elem_type < ARRAY_SIZE(value_types) ?
				  value_types[elem_type].name : "?");
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

// SPDX-License-Identifier: GPL-2.0
/* A llama model from a GGUF file: hyper-parameters, shapes, weights. */
#include "model/model.h"
#include "arithmetic/floats.h"
#include "arithmetic/prepare.h"
#include "file/generated/ggml_types.h"
#include "model/generated/tensor_names.h"

#define ARCH "llama"

/* State of reading a file. The same code measures and builds. */
struct build {
	const struct gguf *g;
	struct llama_arena *arena;
	struct llama_diag *diag;
	const struct llama_yield *yield;
	u8 *image;	/* NULL while measuring */
	struct weights_tmp tmp;
};

static int get_dim(struct build *b, const char *key, u32 lo, u32 hi, u32 *v)
{
	int err = llama_gguf_get_u32(b->g, key, v, b->diag);

	if (!err && (*v < lo || *v > hi))
		err = llama_fail(b->diag, -EINVAL, "%s is %u, must be from %u to %u", key, *v, lo, hi);
	return err;
}

/* See get_dim(). @v keeps its value if the key is missing. */
static int get_optional_dim(struct build *b, const char *key, u32 lo, u32 hi, u32 *v)
{
	return llama_gguf_find(b->g, key) ? get_dim(b, key, lo, hi, v) : 0;
}

/* Read a positive finite float; @parts may be NULL. */
static int get_positive(struct build *b, const char *key, u32 *bits, struct float_parts *parts)
{
	struct float_parts p;
	int err = llama_gguf_get_f32(b->g, key, bits, b->diag);

	if (err)
		return err;
	if (llama_f32_parts(*bits, &p) || p.m <= 0)
		return llama_fail(b->diag, -EINVAL, "%s is not a positive number", key);
	if (parts)
		*parts = p;
	return 0;
}

static int read_head_dims(struct build *b, struct llama_model *m)
{
	u32 value_dim;
	int err;

	err = get_dim(b, ARCH ".attention.head_count", 1, LLAMA_MAX_IN, &m->n_head);
	if (err)
		return err;
	m->n_head_kv = m->n_head;
	err = get_optional_dim(b, ARCH ".attention.head_count_kv", 1, m->n_head, &m->n_head_kv);
	if (err)
		return err;
	if (m->n_head % m->n_head_kv)
		return llama_fail(b->diag, -EINVAL,
				  "attention.head_count_kv %u does not divide head_count %u",
				  m->n_head_kv, m->n_head);
	m->n_head_dim = m->n_embd / m->n_head;
	if (!llama_gguf_find(b->g, ARCH ".attention.key_length") && m->n_embd % m->n_head)
		return llama_fail(b->diag, -EINVAL,
				  "attention.head_count %u does not divide embedding_length %u",
				  m->n_head, m->n_embd);
	err = get_optional_dim(b, ARCH ".attention.key_length", 2, LLAMA_MAX_HEAD_DIM,
			       &m->n_head_dim);
	if (err)
		return err;
	if (m->n_head_dim < 2 || m->n_head_dim > LLAMA_MAX_HEAD_DIM || m->n_head_dim % 2)
		return llama_fail(b->diag, -EINVAL, "head size %u must be even, from 2 to %u",
				  m->n_head_dim, LLAMA_MAX_HEAD_DIM);
	value_dim = m->n_head_dim;
	err = get_optional_dim(b, ARCH ".attention.value_length", 1, U32_MAX, &value_dim);
	if (err)
		return err;
	if (value_dim != m->n_head_dim)
		return llama_fail(b->diag, -EOPNOTSUPP,
				  "attention.value_length %u differs from the key's %u", value_dim,
				  m->n_head_dim);
	if ((u64)m->n_head * m->n_head_dim > LLAMA_MAX_IN)
		return llama_fail(b->diag, -EINVAL, "%u heads of %u are wider than %u", m->n_head,
				  m->n_head_dim, LLAMA_MAX_IN);
	return 0;
}

/* Read the factor, 0 if the file has none. A missing type means linear. */
static int read_rope_scaling(struct build *b, u32 *factor)
{
	static const char * const keys[] = {
		ARCH ".rope.scaling.factor",
		ARCH ".rope.scale_linear",	/* its older name */
	};
	struct gguf_str type;
	u32 i;
	int err;

	*factor = 0;
	if (llama_gguf_find(b->g, ARCH ".rope.scaling.type")) {
		err = llama_gguf_get_str(b->g, ARCH ".rope.scaling.type", &type, b->diag);
		if (err || llama_gguf_str_eq(type, "none"))
			return err;
		if (!llama_gguf_str_eq(type, "linear"))
			return llama_fail(b->diag, -EOPNOTSUPP,
					  "rope.scaling.type \"%.*s\" is not supported",
					  (int)min(type.len, 40u), type.data);
	}
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (llama_gguf_find(b->g, keys[i]))
			return get_positive(b, keys[i], factor, NULL);
	/* The type linear needs a factor. */
	return llama_gguf_find(b->g, ARCH ".rope.scaling.type") ?
	       get_positive(b, keys[0], factor, NULL) : 0;
}

static int read_rope(struct build *b, struct llama_model *m)
{
	u32 base = 0x461c4000;	/* 10000 */
	struct float_parts p;
	u32 factor, i;
	int err;

	m->n_rot = m->n_head_dim;
	err = get_optional_dim(b, ARCH ".rope.dimension_count", 2, m->n_head_dim, &m->n_rot);
	if (err)
		return err;
	if (m->n_rot % 2)
		return llama_fail(b->diag, -EINVAL, "rope.dimension_count %u is odd", m->n_rot);
	if (llama_gguf_find(b->g, ARCH ".rope.freq_base")) {
		err = get_positive(b, ARCH ".rope.freq_base", &base, NULL);
		if (err)
			return err;
	}
	/* Positive floats compare like their bits: 1 < base <= 2^30. */
	if (base <= 0x3f800000 || base > 0x4e800000)
		return llama_fail(b->diag, -EINVAL, "rope.freq_base must be above 1, at most 2^30");
	err = read_rope_scaling(b, &factor);
	if (err)
		return err;
	m->freq = llama_arena_alloc(b->arena, m->n_rot / 2, sizeof(*m->freq));
	for (i = 0; m->freq && i < m->n_rot / 2; i++) {
		m->freq[i] = llama_rope_frequency(base, i, m->n_rot);
		if (factor && !llama_f32_parts(factor, &p))
			m->freq[i] = llama_angle_div_f32(m->freq[i], factor);
	}
	return 0;
}

static noinline_for_stack int read_hparams(struct build *b, struct llama_model *m)
{
	struct gguf_str arch;
	u32 experts = 0, eps;
	int err;

	err = llama_gguf_get_str(b->g, "general.architecture", &arch, b->diag);
	if (err)
		return err;
	if (!llama_gguf_str_eq(arch, ARCH))
		return llama_fail(b->diag, -EOPNOTSUPP, "architecture \"%.*s\" is not " ARCH,
				  (int)min(arch.len, 40u), arch.data);
	err = get_optional_dim(b, ARCH ".expert_count", 0, U32_MAX, &experts);
	if (err)
		return err;
	if (experts)
		return llama_fail(b->diag, -EOPNOTSUPP, "a mixture of %u experts is not supported",
				  experts);
	err = get_dim(b, ARCH ".block_count", 1, LLAMA_MAX_LAYERS, &m->n_layer);
	if (!err)
		err = get_dim(b, ARCH ".context_length", 1, U32_MAX, &m->n_ctx_train);
	if (!err)
		err = get_dim(b, ARCH ".embedding_length", 1, LLAMA_MAX_IN, &m->n_embd);
	if (!err)
		err = get_dim(b, ARCH ".feed_forward_length", 1, LLAMA_MAX_IN, &m->n_ff);
	if (!err)
		err = get_positive(b, ARCH ".attention.layer_norm_rms_epsilon", &eps, &m->eps);
	if (err)
		return err;
	if (eps >= 0x3f800000)
		return llama_fail(b->diag, -EINVAL,
				  "attention.layer_norm_rms_epsilon must be below 1");
	m->n_ctx_train = min(m->n_ctx_train, LLAMA_MAX_CTX);
	err = read_head_dims(b, m);
	return err ? err : read_rope(b, m);
}

static int check_shape(struct build *b, const struct gguf_tensor *t, u64 n_in, u64 n_out)
{
	if (t->ne[0] == n_in && t->ne[1] == n_out && t->ne[2] == 1 && t->ne[3] == 1)
		return 0;
	return llama_fail(b->diag, -EINVAL,
			  "tensor %.*s has shape %llu x %llu x %llu, must be %llu x %llu",
			  (int)t->name.len, t->name.data, (unsigned long long)t->ne[0],
			  (unsigned long long)t->ne[1],
			  (unsigned long long)(t->ne[2] * t->ne[3]), (unsigned long long)n_in,
			  (unsigned long long)n_out);
}

static const struct gguf_tensor *find_tensor(struct build *b, const char *format, u32 layer,
					     char name[GGUF_MAX_NAME])
{
	snprintf(name, GGUF_MAX_NAME, format, layer);
	return llama_gguf_find_tensor(b->g, name);
}

static int read_matrix(struct build *b, const char *format, u32 layer, u64 n_in, u64 n_out,
		       struct weights *w)
{
	char name[GGUF_MAX_NAME];
	const struct gguf_tensor *t = find_tensor(b, format, layer, name);
	int err;

	if (!t)
		return llama_fail(b->diag, -EINVAL, "missing tensor %s", name);
	err = check_shape(b, t, n_in, n_out);
	if (err)
		return err;
	llama_weights_alloc(w, t, b->arena);
	return b->image ? llama_weights_prepare(w, t, b->image, &b->tmp, b->yield, b->diag) : 0;
}

static bool is_float(u32 type)
{
	return type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16;
}

static int check_vector(struct build *b, const struct gguf_tensor *t, u64 n)
{
	int err = check_shape(b, t, n, 1);

	if (!err && !is_float(t->type))
		err = llama_fail(b->diag, -EINVAL, "tensor %.*s must be F32, F16 or BF16",
				 (int)t->name.len, t->name.data);
	return err;
}

static int read_norm(struct build *b, const char *format, u32 layer, u32 n, struct llama_norm *norm)
{
	char name[GGUF_MAX_NAME];
	const struct gguf_tensor *t = find_tensor(b, format, layer, name);
	int err;
	u32 i;

	if (!t)
		return llama_fail(b->diag, -EINVAL, "missing tensor %s", name);
	err = check_vector(b, t, n);
	if (err)
		return err;
	norm->w = llama_arena_alloc(b->arena, n, sizeof(*norm->w));
	if (!b->image)
		return 0;
	err = llama_float_align(t->type, b->image + t->offset, n, 30, b->tmp.v, &norm->e);
	if (err)
		return llama_fail(b->diag, err, "tensor %s has a weight that is not finite", name);
	for (i = 0; i < n; i++)
		norm->w[i] = b->tmp.v[i];
	return 0;
}

/* Read the optional divisors of the RoPE frequencies. */
static int read_rope_freqs(struct build *b, struct llama_model *m)
{
	const struct gguf_tensor *t = llama_gguf_find_tensor(b->g, LLAMA_TENSOR_ROPE_FREQS);
	const u8 *data;
	u32 i;
	int err;

	if (!t)
		return 0;
	err = check_vector(b, t, m->n_rot / 2);
	if (err || !b->image)
		return err;
	if (t->type != GGML_TYPE_F32)
		return llama_fail(b->diag, -EINVAL, "tensor " LLAMA_TENSOR_ROPE_FREQS " must be F32");
	data = b->image + t->offset;
	for (i = 0; i < m->n_rot / 2; i++) {
		struct float_parts p;
		u32 bits = llama_get_u32(data + 4 * i);

		if (llama_f32_parts(bits, &p) || p.m <= 0)
			return llama_fail(b->diag, -EINVAL, "tensor " LLAMA_TENSOR_ROPE_FREQS
					  ": element %u is not a positive number", i);
		m->freq[i] = llama_angle_div_f32(m->freq[i], bits);
	}
	return 0;
}

static int read_layer(struct build *b, const struct llama_model *m, u32 i, struct llama_layer *l)
{
	u64 q = (u64)m->n_head * m->n_head_dim;
	u64 kv = (u64)m->n_head_kv * m->n_head_dim;
	int err;

	err = read_norm(b, LLAMA_TENSOR_ATTN_NORM, i, m->n_embd, &l->attn_norm);
	if (!err)
		err = read_matrix(b, LLAMA_TENSOR_ATTN_Q, i, m->n_embd, q, &l->wq);
	if (!err)
		err = read_matrix(b, LLAMA_TENSOR_ATTN_K, i, m->n_embd, kv, &l->wk);
	if (!err)
		err = read_matrix(b, LLAMA_TENSOR_ATTN_V, i, m->n_embd, kv, &l->wv);
	if (!err)
		err = read_matrix(b, LLAMA_TENSOR_ATTN_OUT, i, q, m->n_embd, &l->wo);
	if (!err)
		err = read_norm(b, LLAMA_TENSOR_FFN_NORM, i, m->n_embd, &l->ffn_norm);
	if (!err)
		err = read_matrix(b, LLAMA_TENSOR_FFN_GATE, i, m->n_embd, m->n_ff, &l->gate);
	if (!err)
		err = read_matrix(b, LLAMA_TENSOR_FFN_UP, i, m->n_embd, m->n_ff, &l->up);
	if (!err)
		err = read_matrix(b, LLAMA_TENSOR_FFN_DOWN, i, m->n_ff, m->n_embd, &l->down);
	return err;
}

static noinline_for_stack int read_layers(struct build *b, struct llama_model *m)
{
	struct llama_layer scratch;
	u32 i;
	int err;

	m->layers = llama_arena_alloc(b->arena, m->n_layer, sizeof(*m->layers));
	if (b->image && !m->layers)
		return -ENOMEM;
	for (i = 0; i < m->n_layer; i++) {
		err = read_layer(b, m, i, m->layers ? &m->layers[i] : &scratch);
		if (!err)
			err = llama_yield(b->yield);
		if (err)
			return err;
	}
	return 0;
}

static int read_ends(struct build *b, struct llama_model *m)
{
	int err;

	err = read_matrix(b, LLAMA_TENSOR_TOKEN_EMBD, 0, m->n_embd, m->n_vocab, &m->token_embd);
	if (!err)
		err = read_norm(b, LLAMA_TENSOR_OUTPUT_NORM, 0, m->n_embd, &m->output_norm);
	if (err)
		return err;
	if (llama_gguf_find_tensor(b->g, LLAMA_TENSOR_OUTPUT))
		return read_matrix(b, LLAMA_TENSOR_OUTPUT, 0, m->n_embd, m->n_vocab, &m->output);
	m->output = m->token_embd;
	return 0;
}

/* Tell whether the core computes with a tensor of that name. */
static bool known_tensor(const struct llama_model *m, struct gguf_str s)
{
	static const char * const of_layer[] = {
		LLAMA_TENSOR_ATTN_NORM, LLAMA_TENSOR_ATTN_Q, LLAMA_TENSOR_ATTN_K,
		LLAMA_TENSOR_ATTN_V, LLAMA_TENSOR_ATTN_OUT, LLAMA_TENSOR_FFN_NORM,
		LLAMA_TENSOR_FFN_GATE, LLAMA_TENSOR_FFN_UP, LLAMA_TENSOR_FFN_DOWN,
	};
	char name[GGUF_MAX_NAME];
	u32 i, layer = 0;

	if (s.len <= 4 || memcmp(s.data, "blk.", 4))
		return llama_gguf_str_eq(s, LLAMA_TENSOR_TOKEN_EMBD) ||
		       llama_gguf_str_eq(s, LLAMA_TENSOR_OUTPUT_NORM) ||
		       llama_gguf_str_eq(s, LLAMA_TENSOR_OUTPUT) ||
		       llama_gguf_str_eq(s, LLAMA_TENSOR_ROPE_FREQS);
	for (i = 4; i < s.len && s.data[i] >= '0' && s.data[i] <= '9' && layer < m->n_layer; i++)
		layer = layer * 10 + s.data[i] - '0';
	if (layer >= m->n_layer)
		return false;
	for (i = 0; i < ARRAY_SIZE(of_layer); i++) {
		snprintf(name, sizeof(name), of_layer[i], layer);
		if (llama_gguf_str_eq(s, name))
			return true;
	}
	return false;
}

/* Refuse tensors that the core would ignore (biases, adapters): answers would be wrong. */
static int check_tensors(struct build *b, struct llama_model *m)
{
	u32 i;

	for (i = 0; i < b->g->n_tensors; i++) {
		const struct gguf_tensor *t = &b->g->tensors[i];

		if (!known_tensor(m, t->name))
			return llama_fail(b->diag, -EOPNOTSUPP,
					  "tensor %.*s is not one that this core computes with",
					  (int)t->name.len, t->name.data);
	}
	return 0;
}

/* Count the weights and find their most frequent type. */
static void count_weights(const struct gguf *g, struct llama_model *m)
{
	u64 most = 0;
	u32 type, i;

	for (type = 0; type < GGML_TYPE_COUNT; type++) {
		u64 n = 0;

		for (i = 0; i < g->n_tensors; i++)
			if (g->tensors[i].type == type)
				n += g->tensors[i].ne[0] * g->tensors[i].ne[1];
		if (n > most) {
			most = n;
			m->file_type = llama_type_traits(type)->name;
		}
		m->n_params += n;
	}
}

static int read_vocab(struct build *b, struct llama_model *m)
{
	const struct gguf_kv *tokens;
	size_t need;
	u32 n;
	int err;

	err = llama_vocab_size(b->g, &need, b->diag);
	if (err)
		return err;
	err = llama_gguf_get_array(b->g, "tokenizer.ggml.tokens", GGUF_TYPE_STRING, &tokens,
				   b->diag);
	if (err)
		return err;
	m->n_vocab = n = tokens->count;
	err = get_optional_dim(b, ARCH ".vocab_size", 1, LLAMA_MAX_VOCAB, &n);
	if (err)
		return err;
	if (n != m->n_vocab)
		return llama_fail(b->diag, -EINVAL,
				  ARCH ".vocab_size is %u, but tokenizer.ggml.tokens has %u", n,
				  m->n_vocab);
	if (b->image)
		return llama_vocab_init(&m->vocab, b->g, b->arena, b->yield, b->diag);
	llama_arena_alloc(b->arena, 1, need);
	return 0;
}

static int build_parts(struct build *b, struct llama_model *m)
{
	u32 widest;
	int err;

	memset(m, 0, sizeof(*m));
	err = read_hparams(b, m);
	if (!err)
		err = read_vocab(b, m);
	if (!err)
		err = check_tensors(b, m);
	if (err)
		return err;
	widest = max(max(m->n_embd, m->n_ff), m->n_head * m->n_head_dim);
	llama_weights_tmp_alloc(&b->tmp, b->arena, widest);
	if (b->image && !b->tmp.rows)
		return -ENOMEM;
	err = read_ends(b, m);
	if (!err)
		err = read_rope_freqs(b, m);
	return err ? err : read_layers(b, m);
}

static int build(struct build *b, struct llama_model *m)
{
	int err = build_parts(b, m);

	/* -ENOENT would mean that the file is missing; a missing key makes it invalid. */
	return err == -ENOENT ? -EINVAL : err;
}

int llama_model_size(const struct gguf *g, size_t *need, struct llama_diag *diag)
{
	struct llama_arena arena = { 0 };
	struct build b = { .g = g, .arena = &arena, .diag = diag };
	struct llama_model m;
	int err = build(&b, &m);

	*need = arena.used;
	return err;
}

int llama_model_init(struct llama_model *m, const struct gguf *g, u8 *image,
		     struct llama_arena *arena, const struct llama_yield *yield,
		     struct llama_diag *diag)
{
	struct build b = {
		.g = g, .arena = arena, .diag = diag, .yield = yield, .image = image,
	};
	size_t need, start = arena->used;
	int err = llama_model_size(g, &need, diag);

	if (err)
		return err;
	if (need > arena->size - start)
		return llama_fail(diag, -ENOMEM, "the arena is smaller than llama_model_size()");
	err = build(&b, m);
	if (err)
		return err;
	count_weights(g, m);
	m->chat = llama_chat_detect(g, &m->default_system);
	llama_gguf_get_str(g, "general.name", &m->name, NULL);
	return 0;
}

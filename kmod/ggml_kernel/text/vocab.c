// SPDX-License-Identifier: GPL-2.0
/* Vocabularies: texts, kinds and look-up of tokens. */
#include "base/sort.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

#define TOKENS "tokenizer.ggml.tokens"
#define TOKEN_TYPE "tokenizer.ggml.token_type"

static u8 kind(const struct llama_vocab *v, u32 id)
{
	return v->kind[id] & ~LLAMA_TOKEN_EOG;
}

static u32 hash(struct gguf_str s)
{
	u32 h = 2166136261u;	/* FNV-1a */
	u32 i;

	for (i = 0; i < s.len; i++)
		h = (h ^ (u8)s.data[i]) * 16777619u;
	return h;
}

static u32 bucket_of(const struct llama_vocab *v, struct gguf_str s)
{
	return (hash(s) * 2654435769u) >> (32 - v->bucket_bits);
}

static int compare(struct gguf_str a, struct gguf_str b)
{
	int c = memcmp(a.data, b.data, min(a.len, b.len));

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

static bool less(const void *arg, u32 x, u32 y)
{
	const struct llama_vocab *v = arg;
	int c = compare(v->text[x], v->text[y]);

	return c ? c < 0 : x < y;
}

u32 llama_vocab_find(const struct llama_vocab *v, struct gguf_str s)
{
	u32 bucket = bucket_of(v, s);
	u32 lo = v->bucket[bucket], end = v->bucket[bucket + 1], hi = end;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (compare(v->text[v->by_text[mid]], s) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == end || compare(v->text[v->by_text[lo]], s))
		return LLAMA_TOKEN_NONE;
	return v->by_text[lo];
}

/* Read the tokens' texts; only check them while measuring. */
static int read_texts(struct llama_vocab *v, const struct gguf_kv *tokens, struct llama_diag *diag)
{
	struct gguf_str_iter it;
	struct gguf_str s;
	u32 i;

	v->max_piece = 1;
	llama_gguf_str_iter_init(&it, tokens);
	for (i = 0; llama_gguf_str_next(&it, &s); i++) {
		if (s.len > LLAMA_MAX_TOKEN)
			return llama_fail(diag, -EINVAL, TOKENS ": token %u has %u bytes, at most %u",
					  i, s.len, LLAMA_MAX_TOKEN);
		v->max_piece = max(v->max_piece, s.len);
		if (v->text)
			v->text[i] = s;
	}
	return 0;
}

static int read_kinds(struct llama_vocab *v, const struct gguf *g, struct llama_diag *diag)
{
	const struct gguf_kv *kv;
	u32 i;
	int err;

	if (v->kind)
		memset(v->kind, LLAMA_TOKEN_NORMAL, v->n_vocab);
	if (!llama_gguf_find(g, TOKEN_TYPE))
		return 0;
	err = llama_gguf_get_array(g, TOKEN_TYPE, GGUF_TYPE_INT32, &kv, diag);
	if (err)
		return err;
	if (kv->count != v->n_vocab)
		return llama_fail(diag, -EINVAL, TOKEN_TYPE " has %llu entries, must have %u",
				  (unsigned long long)kv->count, v->n_vocab);
	for (i = 0; i < v->n_vocab; i++) {
		u32 kind = llama_get_u32(kv->data + 4 * (size_t)i);

		if (kind < LLAMA_TOKEN_NORMAL || kind > LLAMA_TOKEN_BYTE)
			return llama_fail(diag, -EINVAL, TOKEN_TYPE ": entry %u is %d, which is none",
					  i, (s32)kind);
		if (v->kind)
			v->kind[i] = kind;
	}
	return 0;
}

/* Put the ids into hash buckets (counting sort), then sort each bucket. */
static void index_texts(struct llama_vocab *v)
{
	u32 n = 1u << v->bucket_bits;
	u32 i;

	memset(v->bucket, 0, (n + 1) * sizeof(*v->bucket));
	for (i = 0; i < v->n_vocab; i++)
		v->bucket[bucket_of(v, v->text[i]) + 1]++;
	for (i = 0; i < n; i++)
		v->bucket[i + 1] += v->bucket[i];
	for (i = 0; i < v->n_vocab; i++)
		v->by_text[v->bucket[bucket_of(v, v->text[i])]++] = i;
	for (i = n; i > 0; i--)
		v->bucket[i] = v->bucket[i - 1];
	v->bucket[0] = 0;
	for (i = 0; i < n; i++)
		llama_sort_ids(v->by_text + v->bucket[i], v->bucket[i + 1] - v->bucket[i], less, v);
}

static void index_special(struct llama_vocab *v)
{
	size_t tail;
	u32 i;

	/* Tokens of whole characters are found at the borders of characters only. */
	v->n_special = 0;
	for (i = 0; i < v->n_vocab; i++)
		if (v->text[i].len &&
		    !llama_utf8_check(v->text[i].data, v->text[i].len, &tail) && !tail &&
		    (kind(v, i) == LLAMA_TOKEN_CONTROL || kind(v, i) == LLAMA_TOKEN_UNKNOWN ||
		     kind(v, i) == LLAMA_TOKEN_USER))
			v->special[v->n_special++] = i;
	llama_sort_ids(v->special, v->n_special, less, v);
}

static int read_id(const struct llama_vocab *v, const struct gguf *g, const char *key, u32 *id,
		   struct llama_diag *diag)
{
	int err;

	if (!llama_gguf_find(g, key))
		return 0;
	err = llama_gguf_get_u32(g, key, id, diag);
	if (!err && *id >= v->n_vocab)
		err = llama_fail(diag, -EINVAL, "%s is %u, but there are %u tokens", key, *id,
				 v->n_vocab);
	return err;
}

static int read_bool(const struct gguf *g, const char *key, bool *value, struct llama_diag *diag)
{
	return llama_gguf_find(g, key) ? llama_gguf_get_bool(g, key, value, diag) : 0;
}

/* BOS and tokens that end a text are control tokens whatever their type: users cannot type them. */
static void mark_control(struct llama_vocab *v, u32 id, u8 flags)
{
	if (id != LLAMA_TOKEN_NONE && v->kind)
		v->kind[id] = LLAMA_TOKEN_CONTROL | flags;
}

/* Mark special tokens that end an answer although no key of the file names them. */
static void mark_ends_by_name(struct llama_vocab *v)
{
	static const char * const names[] = {
		"<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end|>",
		"<|end_of_text|>", "</s>",
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		u32 id = llama_vocab_find(v, (struct gguf_str){ names[i], strlen(names[i]) });

		if (id != LLAMA_TOKEN_NONE &&
		    (v->kind[id] == LLAMA_TOKEN_CONTROL || v->kind[id] == LLAMA_TOKEN_USER))
			mark_control(v, id, LLAMA_TOKEN_EOG);
	}
}

static int read_ids(struct llama_vocab *v, const struct gguf *g, struct llama_diag *diag)
{
	u32 eom = LLAMA_TOKEN_NONE, pad = LLAMA_TOKEN_NONE;
	int err;

	err = read_id(v, g, "tokenizer.ggml.bos_token_id", &v->bos, diag);
	if (!err)
		err = read_id(v, g, "tokenizer.ggml.eos_token_id", &v->eos, diag);
	if (!err)
		err = read_id(v, g, "tokenizer.ggml.eot_token_id", &v->eot, diag);
	if (!err)
		err = read_id(v, g, "tokenizer.ggml.eom_token_id", &eom, diag);
	if (!err)
		err = read_id(v, g, "tokenizer.ggml.unknown_token_id", &v->unk, diag);
	if (!err)
		err = read_id(v, g, "tokenizer.ggml.padding_token_id", &pad, diag);
	if (!err)
		err = read_bool(g, "tokenizer.ggml.add_bos_token", &v->add_bos, diag);
	if (!err)
		err = read_bool(g, "tokenizer.ggml.add_space_prefix", &v->add_space_prefix, diag);
	if (err)
		return err;
	v->add_space_prefix &= v->tokenizer->escapes_spaces;
	mark_control(v, v->bos, 0);
	mark_control(v, v->eos, LLAMA_TOKEN_EOG);
	mark_control(v, v->eot, LLAMA_TOKEN_EOG);
	mark_control(v, eom, LLAMA_TOKEN_EOG);
	return 0;
}

static int read_type(struct llama_vocab *v, const struct gguf *g, const struct gguf_kv **tokens,
		     struct llama_diag *diag)
{
	struct gguf_str model;
	int err = llama_gguf_get_str(g, "tokenizer.ggml.model", &model, diag);

	if (err)
		return err;
	v->tokenizer = llama_tokenizer_find(model);
	if (!v->tokenizer)
		return llama_fail(diag, -EOPNOTSUPP, "tokenizer.ggml.model \"%.*s\" is not supported",
				  (int)min(model.len, 40u), model.data);
	err = llama_gguf_get_array(g, TOKENS, GGUF_TYPE_STRING, tokens, diag);
	if (err)
		return err;
	if (!(*tokens)->count || (*tokens)->count > LLAMA_MAX_VOCAB)
		return llama_fail(diag, -EINVAL, TOKENS " has %llu entries, must have from 1 to %u",
				  (unsigned long long)(*tokens)->count, LLAMA_MAX_VOCAB);
	v->n_vocab = (*tokens)->count;
	return 0;
}

/* Build the vocabulary, or only measure if @arena has no memory. */
static int load(struct llama_vocab *v, const struct gguf *g, struct llama_arena *arena,
		const struct llama_yield *yield, struct llama_diag *diag)
{
	const struct gguf_kv *tokens;
	int err;

	memset(v, 0, sizeof(*v));
	v->bos = LLAMA_TOKEN_NONE;
	v->eos = LLAMA_TOKEN_NONE;
	v->eot = LLAMA_TOKEN_NONE;
	v->unk = LLAMA_TOKEN_NONE;
	err = read_type(v, g, &tokens, diag);
	if (err)
		return err;
	for (v->bucket_bits = 1; 1u << v->bucket_bits < v->n_vocab; v->bucket_bits++)
		;
	v->text = llama_arena_alloc(arena, v->n_vocab, sizeof(*v->text));
	v->kind = llama_arena_alloc(arena, v->n_vocab, sizeof(*v->kind));
	v->bucket = llama_arena_alloc(arena, (1u << v->bucket_bits) + 1, sizeof(*v->bucket));
	v->by_text = llama_arena_alloc(arena, v->n_vocab, sizeof(*v->by_text));
	v->special = llama_arena_alloc(arena, v->n_vocab, sizeof(*v->special));
	v->byte_id = llama_arena_alloc(arena, 256, sizeof(*v->byte_id));
	err = read_texts(v, tokens, diag);
	if (!err)
		err = read_kinds(v, g, diag);
	if (!err)
		err = v->tokenizer->begin(v, g, diag);
	if (!err)
		err = read_ids(v, g, diag);
	if (err)
		return err;
	if (arena->base) {
		index_texts(v);
		mark_ends_by_name(v);
		index_special(v);
		err = llama_yield(yield);
		if (err)
			return err;
	}
	return v->tokenizer->load(v, g, arena, yield, diag);
}

int llama_vocab_size(const struct gguf *g, size_t *need, struct llama_diag *diag)
{
	struct llama_arena arena = { 0 };
	struct llama_vocab v;
	int err = load(&v, g, &arena, NULL, diag);

	*need = arena.used;
	return err == -ENOENT ? -EINVAL : err;
}

int llama_vocab_init(struct llama_vocab *v, const struct gguf *g, struct llama_arena *arena,
		     const struct llama_yield *yield, struct llama_diag *diag)
{
	size_t need;
	int err = llama_vocab_size(g, &need, diag);

	if (err)
		return err;
	if (!arena->base || arena->used > arena->size || need > arena->size - arena->used)
		return llama_fail(diag, -ENOMEM, "the arena is smaller than llama_vocab_size()");
	return load(v, g, arena, yield, diag);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Return the byte that a text such as "<0x41>" stands for, or -1. */
static int byte_of(struct gguf_str s)
{
	if (s.len != 6 || memcmp(s.data, "<0x", 3) || s.data[5] != '>' ||
	    hex_digit(s.data[3]) < 0 || hex_digit(s.data[4]) < 0)
		return -1;
	return hex_digit(s.data[3]) << 4 | hex_digit(s.data[4]);
}

int llama_token_piece(const struct llama_vocab *v, u32 id, bool special, char *buf, size_t size)
{
	struct gguf_str text;

	if (id >= v->n_vocab)
		return -EINVAL;
	text = v->text[id];
	switch (kind(v, id)) {
	case LLAMA_TOKEN_CONTROL:
	case LLAMA_TOKEN_UNKNOWN:
		if (!special)
			return 0;
		fallthrough;
	case LLAMA_TOKEN_USER:
		if (text.len > size)
			return -ENOSPC;
		if (kind(v, id) == LLAMA_TOKEN_USER && v->tokenizer->escapes_spaces)
			return v->tokenizer->piece(text, buf);
		memcpy(buf, text.data, text.len);
		return text.len;
	case LLAMA_TOKEN_BYTE:
		if (byte_of(text) >= 0) {
			if (!size)
				return -ENOSPC;
			buf[0] = byte_of(text);
			return 1;
		}
		fallthrough;
	default:
		if (text.len > size)
			return -ENOSPC;
		return v->tokenizer->piece(text, buf);
	}
}

bool llama_vocab_strips_space(const struct llama_vocab *v)
{
	return v->add_space_prefix;
}

bool llama_vocab_is_eog(const struct llama_vocab *v, u32 id)
{
	return id < v->n_vocab && v->kind[id] & LLAMA_TOKEN_EOG;
}

bool llama_vocab_is_control(const struct llama_vocab *v, u32 id)
{
	return id < v->n_vocab && kind(v, id) == LLAMA_TOKEN_CONTROL;
}

bool llama_vocab_is_text(const struct llama_vocab *v, u32 id)
{
	return id < v->n_vocab && kind(v, id) != LLAMA_TOKEN_CONTROL &&
	       kind(v, id) != LLAMA_TOKEN_UNKNOWN;
}

size_t llama_vocab_max_piece(const struct llama_vocab *v)
{
	return v->max_piece;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Byte-level BPE. A token's text spells bytes as characters: printable ones of
 * Latin-1 stand for themselves, the 68 others for U+0100 and on, in order.
 */
#include "base/sort.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

static u32 byte_to_char(u8 b)
{
	if (b <= 32)
		return 256 + b;
	if (b >= 127 && b <= 160)
		return 256 + 33 + (b - 127);
	return b == 173 ? 256 + 67 : b;
}

/* Return the byte that a character stands for, or -1. */
static int char_to_byte(u32 cp)
{
	if (cp >= 256 && cp < 256 + 33)
		return cp - 256;
	if (cp >= 256 + 33 && cp < 256 + 67)
		return cp - 256 - 33 + 127;
	if (cp == 256 + 67)
		return 173;
	return cp < 256 && byte_to_char(cp) == cp ? (int)cp : -1;
}

static int piece(struct gguf_str text, char *buf)
{
	u32 i = 0, n = 0;

	while (i < text.len) {
		u32 cp;
		int used = llama_utf8_decode(text.data + i, text.len - i, &cp);
		int byte = char_to_byte(cp);

		used = used < 0 ? -used : used;
		if (byte >= 0) {
			buf[n++] = byte;
		} else {
			memcpy(buf + n, text.data + i, used);
			n += used;
		}
		i += used;
	}
	return n;
}

/*
 * Find the token ids of the merge "left right" and of its result. Control tokens
 * are refused, since plain text must not become one. @whole: 2 * LLAMA_MAX_TOKEN
 * bytes of scratch memory.
 */
static int parse_merge(const struct llama_vocab *v, struct gguf_str s, char *whole, u32 *left,
		       u32 *right, u32 *result)
{
	u32 cut;

	for (cut = 1; cut < s.len && s.data[cut] != ' '; cut++)
		;
	if (cut + 1 >= s.len || s.len > 2 * LLAMA_MAX_TOKEN)
		return -EINVAL;
	memcpy(whole, s.data, cut);
	memcpy(whole + cut, s.data + cut + 1, s.len - cut - 1);
	*left = llama_vocab_find(v, (struct gguf_str){ s.data, cut });
	*right = llama_vocab_find(v, (struct gguf_str){ s.data + cut + 1, s.len - cut - 1 });
	*result = llama_vocab_find(v, (struct gguf_str){ whole, s.len - 1 });
	if (!llama_vocab_is_text(v, *left) || !llama_vocab_is_text(v, *right) ||
	    !llama_vocab_is_text(v, *result))
		return -EINVAL;
	return 0;
}

/* Group merges by their left part (counting sort), then sort each group. */
static int load_merges(struct llama_vocab *v, const struct gguf_kv *kv, char *whole,
		       const struct llama_yield *yield, struct llama_diag *diag)
{
	struct gguf_str_iter it;
	struct gguf_str s;
	u32 left, right, rank, i;
	int err;

	memset(v->merge_at, 0, (v->n_vocab + 1) * sizeof(*v->merge_at));
	llama_gguf_str_iter_init(&it, kv);
	for (rank = 0; llama_gguf_str_next(&it, &s); rank++) {
		if (parse_merge(v, s, whole, &left, &right, &v->merge_result[rank]))
			return llama_fail(diag, -EINVAL,
					  "tokenizer.ggml.merges: entry %u is not two tokens of text that make a third",
					  rank);
		v->merge_at[left + 1]++;
		if (rank % 1024 == 0) {
			err = llama_yield(yield);
			if (err)
				return err;
		}
	}
	for (i = 0; i < v->n_vocab; i++)
		v->merge_at[i + 1] += v->merge_at[i];
	/* merge_at[i] moves from the beginning of group i to its end, and back below. */
	llama_gguf_str_iter_init(&it, kv);
	for (rank = 0; llama_gguf_str_next(&it, &s); rank++) {
		u32 result;

		parse_merge(v, s, whole, &left, &right, &result);
		v->merge[v->merge_at[left]++] = (u64)right << 32 | rank;
		if (rank % 1024 == 0) {
			err = llama_yield(yield);
			if (err)
				return err;
		}
	}
	for (i = v->n_vocab; i > 0; i--)
		v->merge_at[i] = v->merge_at[i - 1];
	v->merge_at[0] = 0;
	for (i = 0; i < v->n_vocab; i++) {
		llama_sort_u64(v->merge + v->merge_at[i], v->merge_at[i + 1] - v->merge_at[i]);
		if (i % 1024 == 0) {
			err = llama_yield(yield);
			if (err)
				return err;
		}
	}
	return 0;
}

static int begin(struct llama_vocab *v, const struct gguf *g, struct llama_diag *diag)
{
	struct gguf_str pre;
	int err = llama_gguf_get_str(g, "tokenizer.ggml.pre", &pre, diag);

	if (err)
		return err;
	v->pre = llama_pre_tokenizer(pre);
	if (!v->pre)
		return llama_fail(diag, -EOPNOTSUPP, "tokenizer.ggml.pre \"%.*s\" is not supported",
				  (int)min(pre.len, 40u), pre.data);
	v->add_bos = v->pre->add_bos;
	return 0;
}

static int load(struct llama_vocab *v, const struct gguf *g, struct llama_arena *arena,
		const struct llama_yield *yield, struct llama_diag *diag)
{
	const struct gguf_kv *kv;
	char *whole;
	u32 b;
	int err;

	err = llama_gguf_get_array(g, "tokenizer.ggml.merges", GGUF_TYPE_STRING, &kv, diag);
	if (err)
		return err;
	v->merge_at = llama_arena_alloc(arena, (size_t)v->n_vocab + 1, sizeof(*v->merge_at));
	v->merge = llama_arena_alloc(arena, kv->count, sizeof(*v->merge));
	v->merge_result = llama_arena_alloc(arena, kv->count, sizeof(*v->merge_result));
	whole = llama_arena_alloc(arena, 2, LLAMA_MAX_TOKEN);
	if (!arena->base)
		return 0;
	for (b = 0; b < 256; b++) {
		char text[4];
		u32 id = llama_vocab_find(v, (struct gguf_str){
			text, llama_utf8_encode(byte_to_char(b), text) });

		v->byte_id[b] = llama_vocab_is_text(v, id) ? id : LLAMA_TOKEN_NONE;
	}
	return load_merges(v, kv, whole, yield, diag);
}

/* Find the rank of a pair that merges. The first entry of a right part has its lowest rank. */
static bool pair(const struct merger *m, const struct symbol *l, const struct symbol *r, u32 *rank,
		 u32 *id)
{
	const struct llama_vocab *v = m->v;
	u32 lo, hi;

	lo = v->merge_at[l->id];
	hi = v->merge_at[l->id + 1];
	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (v->merge[mid] >> 32 < r->id)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == v->merge_at[l->id + 1] || v->merge[lo] >> 32 != r->id)
		return false;
	*rank = (u32)v->merge[lo];
	*id = v->merge_result[*rank];
	return true;
}

/* Return the token that spells the whole word, or LLAMA_TOKEN_NONE. */
static u32 whole_word(struct tokenization *t, const char *s, size_t n)
{
	size_t i;
	u32 written = 0, id;

	if (n > t->v->max_piece)
		return LLAMA_TOKEN_NONE;
	for (i = 0; i < n; i++)
		written += llama_utf8_encode(byte_to_char(s[i]), t->work + written);
	id = llama_vocab_find(t->v, (struct gguf_str){ t->work, written });
	return llama_vocab_is_text(t->v, id) ? id : LLAMA_TOKEN_NONE;
}

static int merge_word(struct tokenization *t, const char *s, size_t n)
{
	struct merger m = llama_tokenizer_merger(t, s);
	u32 i;
	int err;

	if (t->v->pre->whole_words) {
		u32 id = whole_word(t, s, n);

		if (id != LLAMA_TOKEN_NONE)
			return llama_tokenizer_emit(t, id);
	}
	m.pair = pair;
	/* Bytes without a token are left out. */
	for (i = 0; i < n; i++)
		if (t->v->byte_id[(u8)s[i]] != LLAMA_TOKEN_NONE)
			llama_merge_add(&m, i, 1, t->v->byte_id[(u8)s[i]]);
	if (!m.n_symbols)
		return 0;
	err = llama_merge_all(&m, t->yield);
	for (i = 0; !err && i != MERGE_NONE; i = m.symbols[i].next)
		err = llama_tokenizer_emit(t, m.symbols[i].id);
	return err;
}

static int word(void *arg, const char *s, size_t n)
{
	int err = merge_word(arg, s, n);

	return err ? err : llama_tokenizer_tick(arg, n);
}

static int tokenize(struct tokenization *t, const char *s, size_t n, bool prefix)
{
	return llama_pre_tokenizer_split(t->v->pre, s, n, word, t);
}

const struct llama_tokenizer llama_tokenizer_bpe = {
	.model = "gpt2",
	.begin = begin,
	.load = load,
	.tokenize = tokenize,
	.piece = piece,
};

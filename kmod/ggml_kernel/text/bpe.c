// SPDX-License-Identifier: GPL-2.0
/*
 * Byte-level BPE. A token's text spells bytes as characters: printable ones of
 * Latin-1 stand for themselves, the 68 others for U+0100 and on, in order.
 */
#include "base/sort.h"
#include "text/tokenizer.h"
#include "text/unicode.h"
#include "text/utf8.h"

static u32 byte_to_char(u8 b)
{
	if (b <= 32)
		return 256 + b;
	if (b >= 127 && b <= 160)
		return 256 + 33 + (b - 127);
	return b == 173 ? 256 + 67 : b;
}

/* Return: the byte, or -1 for a character that stands for none. */
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

int llama_bpe_piece(struct gguf_str text, char *buf)
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
 * Token ids of the merge "left right", and of what it makes: never a control
 * token, or plain text could become one. @whole: 2 * LLAMA_MAX_TOKEN bytes.
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

/* Merges by their left part: counted, placed, then ordered within each. */
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
	/* Placing from the last to the first leaves merge_at where it was: at the beginnings. */
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

int llama_bpe_read_pre(struct llama_vocab *v, const struct gguf *g, struct llama_diag *diag)
{
	struct gguf_str pre;
	int err = llama_gguf_get_str(g, "tokenizer.ggml.pre", &pre, diag);

	if (err)
		return err;
	if (llama_gguf_str_eq(pre, "smollm"))
		v->pre = LLAMA_PRE_SMOLLM;
	else if (llama_gguf_str_eq(pre, "gpt-2"))
		v->pre = LLAMA_PRE_GPT2;
	else if (llama_gguf_str_eq(pre, "llama-bpe") || llama_gguf_str_eq(pre, "llama3") ||
		 llama_gguf_str_eq(pre, "llama-v3"))
		v->pre = LLAMA_PRE_LLAMA3;
	else
		return llama_fail(diag, -EOPNOTSUPP, "tokenizer.ggml.pre \"%.*s\" is not supported",
				  (int)min(pre.len, 40u), pre.data);
	return 0;
}

int llama_bpe_load(struct llama_vocab *v, const struct gguf *g, struct llama_arena *arena,
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

/* The rank of a pair that merges. The first entry of a right part has its lowest rank. */
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

/* The token that is the whole word, or LLAMA_TOKEN_NONE. */
static u32 whole_word(struct tokenizer *t, const char *s, size_t n)
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

static int word(struct tokenizer *t, const char *s, size_t n)
{
	struct merger m = llama_tokenizer_merger(t, s);
	u32 i;
	int err;

	if (t->v->pre == LLAMA_PRE_LLAMA3) {
		u32 id = whole_word(t, s, n);

		if (id != LLAMA_TOKEN_NONE)
			return llama_tokenizer_emit(t, id);
	}
	m.pair = pair;
	/* A byte that the vocabulary lacks is left out, as if it had not been typed. */
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

/* A place in valid text, and the character there. */
struct cursor {
	const char *s;
	size_t n;
	size_t i;
	u32 cp;
	enum llama_unicode_class class;
	u32 len;	/* 0 at the end */
};

static void look(struct cursor *c)
{
	c->len = 0;
	c->cp = 0;
	c->class = UNICODE_OTHER;
	if (c->i >= c->n)
		return;
	c->len = llama_utf8_decode(c->s + c->i, c->n - c->i, &c->cp);
	c->class = llama_unicode_class(c->cp);
}

static void step(struct cursor *c)
{
	c->i += c->len;
	look(c);
}

static void skip_run(struct cursor *c, enum llama_unicode_class class)
{
	while (c->len && c->class == class)
		step(c);
}

static bool is_line_end(const struct cursor *c)
{
	return c->len && (c->cp == '\n' || c->cp == '\r');
}

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* 's 't 'm 'd 're 've 'll after an apostrophe. Return: bytes, 0 for none. */
static u32 contraction(const struct cursor *c, bool any_case)
{
	const char *s = c->s + c->i;
	size_t left = c->n - c->i;
	char a, b;

	if (c->cp != '\'' || left < 2)
		return 0;
	/* U+017F, a long s, equals s when case does not count. */
	if (any_case && left > 2 && (u8)s[1] == 0xc5 && (u8)s[2] == 0xbf)
		return 3;
	a = any_case ? fold(s[1]) : s[1];
	if (a == 's' || a == 't' || a == 'm' || a == 'd')
		return 2;
	if (left < 3)
		return 0;
	b = any_case ? fold(s[2]) : s[2];
	if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
		return 3;
	return 0;
}

/* White space up to the next word, whose own space is left to it. */
static void skip_white(struct cursor *c)
{
	struct cursor last = *c;
	size_t start = c->i;

	while (c->len && c->class == UNICODE_SPACE) {
		last = *c;
		step(c);
	}
	if (c->len && last.i > start)
		*c = last;
}

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static void next_gpt2(struct cursor *c)
{
	u32 n = contraction(c, false);
	struct cursor ahead = *c;

	if (n) {
		c->i += n;
		look(c);
		return;
	}
	if (c->cp == ' ')
		step(&ahead);
	if (ahead.len && ahead.class != UNICODE_SPACE) {
		*c = ahead;
		skip_run(c, ahead.class);
		return;
	}
	skip_white(c);
}

/* Up to and with the last line end of the white space here. Return: whether there is one. */
static bool skip_line_ends(struct cursor *c)
{
	struct cursor ahead = *c;
	bool found = false;

	while (ahead.len && ahead.class == UNICODE_SPACE) {
		bool end = is_line_end(&ahead);

		step(&ahead);
		if (end) {
			*c = ahead;
			found = true;
		}
	}
	return found;
}

/*
 * (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
 *  ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 */
static void next_llama3(struct cursor *c)
{
	u32 n = contraction(c, true);
	struct cursor ahead = *c;

	if (n) {
		c->i += n;
		look(c);
		return;
	}
	step(&ahead);
	if (c->class == UNICODE_LETTER ||
	    (c->class != UNICODE_NUMBER && !is_line_end(c) && ahead.len &&
	     ahead.class == UNICODE_LETTER)) {
		*c = ahead;
		skip_run(c, UNICODE_LETTER);
		return;
	}
	if (c->class == UNICODE_NUMBER) {
		for (n = 0; n < 3 && c->len && c->class == UNICODE_NUMBER; n++)
			step(c);
		return;
	}
	if (c->cp != ' ')
		ahead = *c;
	if (ahead.len && ahead.class == UNICODE_OTHER) {
		*c = ahead;
		skip_run(c, UNICODE_OTHER);
		while (is_line_end(c))
			step(c);
		return;
	}
	if (!skip_line_ends(c))
		skip_white(c);
}

static int words(struct tokenizer *t, const char *s, size_t n, void (*next)(struct cursor *c))
{
	struct cursor c = { .s = s, .n = n };
	int err = 0;

	look(&c);
	while (!err && c.len) {
		size_t start = c.i;

		next(&c);
		err = word(t, s + start, c.i - start);
		if (!err)
			err = llama_tokenizer_tick(t, c.i - start);
	}
	return err;
}

/* Each number by itself, and what lies between as GPT-2 has it. */
static int smollm_words(struct tokenizer *t, const char *s, size_t n)
{
	struct cursor c = { .s = s, .n = n };
	int err = 0;

	look(&c);
	while (!err && c.len) {
		size_t start = c.i;

		if (c.class == UNICODE_NUMBER) {
			step(&c);
			err = word(t, s + start, c.i - start);
			if (!err)
				err = llama_tokenizer_tick(t, c.i - start);
			continue;
		}
		while (c.len && c.class != UNICODE_NUMBER)
			step(&c);
		err = words(t, s + start, c.i - start, next_gpt2);
	}
	return err;
}

int llama_bpe_tokenize(struct tokenizer *t, const char *s, size_t n)
{
	switch (t->v->pre) {
	case LLAMA_PRE_SMOLLM:
		return smollm_words(t, s, n);
	case LLAMA_PRE_GPT2:
		return words(t, s, n, next_gpt2);
	default:
		return words(t, s, n, next_llama3);
	}
}

// SPDX-License-Identifier: GPL-2.0
/* SentencePiece-style BPE: characters merge by the score of what they make. */
#include "text/tokenizer.h"
#include "text/utf8.h"

#define SPACE "\xe2\x96\x81"	/* U+2581 stands for a space */
#define SPACE_LEN 3

static int piece(struct gguf_str text, char *buf)
{
	u32 i = 0, n = 0;

	while (i < text.len) {
		if (text.len - i >= SPACE_LEN && !memcmp(text.data + i, SPACE, SPACE_LEN)) {
			buf[n++] = ' ';
			i += SPACE_LEN;
		} else {
			buf[n++] = text.data[i++];
		}
	}
	return n;
}

/* Map a float's bits to an integer. Higher floats have lower integers. */
static u32 rank_of(u32 bits)
{
	if (bits == 0x80000000)	/* -0 equals 0 */
		bits = 0;
	return bits >> 31 ? bits : ~bits & 0x7fffffff;
}

static int begin(struct llama_vocab *v, const struct gguf *g, struct llama_diag *diag)
{
	/* Converters leave out keys that have these values. */
	if (v->n_vocab > 2) {
		v->bos = 1;
		v->eos = 2;
	}
	v->unk = 0;
	v->add_bos = true;
	v->add_space_prefix = true;
	return 0;
}

static int load(struct llama_vocab *v, const struct gguf *g, struct llama_arena *arena,
		const struct llama_yield *yield, struct llama_diag *diag)
{
	static const char digits[] = "0123456789ABCDEF";
	const struct gguf_kv *kv;
	u32 i;
	int err = llama_gguf_get_array(g, "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, &kv, diag);

	if (err)
		return err;
	if (kv->count != v->n_vocab)
		return llama_fail(diag, -EINVAL, "tokenizer.ggml.scores has %llu entries, must have %u",
				  (unsigned long long)kv->count, v->n_vocab);
	v->rank = llama_arena_alloc(arena, v->n_vocab, sizeof(*v->rank));
	for (i = 0; i < v->n_vocab; i++) {
		u32 bits = llama_get_u32(kv->data + 4 * (size_t)i);

		if ((bits & 0x7f800000) == 0x7f800000)
			return llama_fail(diag, -EINVAL,
					  "tokenizer.ggml.scores: entry %u is not finite", i);
		if (arena->base)
			v->rank[i] = rank_of(bits);
	}
	for (i = 0; arena->base && i < 256; i++) {
		char text[] = { '<', '0', 'x', digits[i >> 4], digits[i & 15], '>' };
		u32 id = llama_vocab_find(v, (struct gguf_str){ text, sizeof(text) });

		v->byte_id[i] = id != LLAMA_TOKEN_NONE && v->kind[id] == LLAMA_TOKEN_BYTE ?
				id : LLAMA_TOKEN_NONE;
	}
	return 0;
}

static u32 find_normal(const struct llama_vocab *v, const char *s, u32 n)
{
	u32 id = n > v->max_piece ? LLAMA_TOKEN_NONE :
				    llama_vocab_find(v, (struct gguf_str){ s, n });

	if (id == LLAMA_TOKEN_NONE || (v->kind[id] & ~LLAMA_TOKEN_EOG) != LLAMA_TOKEN_NORMAL)
		return LLAMA_TOKEN_NONE;
	return id;
}

static bool pair(const struct merger *m, const struct symbol *l, const struct symbol *r, u32 *rank,
		 u32 *id)
{
	*id = find_normal(m->v, m->text + l->start, l->len + r->len);
	if (*id == LLAMA_TOKEN_NONE)
		return false;
	*rank = m->v->rank[*id];
	return true;
}

/* Consecutive unknown symbols become one token. Plain text must not become a control token. */
static int emit_unknown(struct tokenization *t)
{
	u32 unk = t->v->unk;

	if (llama_vocab_is_control(t->v, unk) || (t->n_ids && t->ids[t->n_ids - 1] == unk))
		return 0;
	return llama_tokenizer_emit(t, unk);
}

/* Add the token of a symbol, or the tokens of its bytes. */
static int emit(struct tokenization *t, const char *s, const struct symbol *symbol)
{
	u32 i;
	int err = 0;

	if (symbol->id != LLAMA_TOKEN_NONE)
		return llama_tokenizer_emit(t, symbol->id);
	for (i = 0; !err && i < symbol->len; i++) {
		u32 id = t->v->byte_id[(u8)s[symbol->start + i]];

		if (id == LLAMA_TOKEN_NONE)
			return emit_unknown(t);
		err = llama_tokenizer_emit(t, id);
	}
	return err;
}

/* Tokenize bytes [from, to) of @s, which hold no user-defined token. */
static int merge_piece(struct tokenization *t, const char *s, size_t from, size_t to)
{
	struct merger m = llama_tokenizer_merger(t, s);
	int len, err;
	size_t i;

	if (from == to)
		return 0;
	m.pair = pair;
	for (i = from; i < to; i += len) {
		u32 cp;

		len = llama_utf8_decode(s + i, to - i, &cp);
		if (len < 0)
			return -EINVAL;
		llama_merge_add(&m, i, len, find_normal(t->v, s + i, len));
	}
	err = llama_merge_all(&m, t->yield);
	for (i = 0; !err && i != MERGE_NONE; i = m.symbols[i].next)
		err = emit(t, s, &m.symbols[i]);
	return err;
}

/* Write @s (n,) to @t->work with spaces as U+2581. Return: bytes written. */
static size_t escape(struct tokenization *t, const char *s, size_t n, bool prefix)
{
	size_t i, written = 0;

	if (prefix) {
		memcpy(t->work, SPACE, SPACE_LEN);
		written = SPACE_LEN;
	}
	for (i = 0; i < n; i++) {
		if (s[i] == ' ') {
			memcpy(t->work + written, SPACE, SPACE_LEN);
			written += SPACE_LEN;
		} else {
			t->work[written++] = s[i];
		}
	}
	return written;
}

static int tokenize(struct tokenization *t, const char *s, size_t n, bool prefix)
{
	size_t len = escape(t, s, n, prefix);
	size_t from = 0, i = 0;
	int err;

	while (i < len) {
		u32 id = llama_tokenizer_special(t->v, t->work + i, len - i, false, true);

		err = llama_tokenizer_tick(t, 1);
		if (err)
			return err;
		if (id == LLAMA_TOKEN_NONE) {
			i++;
			continue;
		}
		err = merge_piece(t, t->work, from, i);
		if (!err)
			err = llama_tokenizer_emit(t, id);
		if (err)
			return err;
		i += t->v->text[id].len;
		from = i;
	}
	return merge_piece(t, t->work, from, len);
}

const struct llama_tokenizer llama_tokenizer_spm = {
	.model = "llama",
	.escapes_spaces = true,
	.begin = begin,
	.load = load,
	.tokenize = tokenize,
	.piece = piece,
};

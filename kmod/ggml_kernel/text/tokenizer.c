// SPDX-License-Identifier: GPL-2.0
/* Text to ids: replaces ill-formed bytes, finds special tokens, gives the rest to the tokenizer. */
#include "text/tokenizer.h"
#include "text/utf8.h"

#define YIELD_BYTES 16384

static const struct llama_tokenizer *const tokenizers[] = {
	&llama_tokenizer_bpe,
	&llama_tokenizer_spm,
};

const struct llama_tokenizer *llama_tokenizer_find(struct gguf_str model)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(tokenizers); i++)
		if (llama_gguf_str_eq(model, tokenizers[i]->model))
			return tokenizers[i];
	return NULL;
}

/* A byte becomes at most three (U+FFFD or U+2581), and a prefix may be added. */
static size_t text_room(size_t n)
{
	return 3 * n + 3;
}

void llama_tokenize_bounds(const struct llama_vocab *v, size_t n, size_t *max_tokens,
			   size_t *scratch)
{
	size_t room = text_room(n);

	*max_tokens = room + 1;
	*scratch = llama_align_up(room) + llama_align_up(2 * room) +
		   llama_align_up(room * MERGE_SCRATCH);
}

int llama_tokenizer_emit(struct tokenization *t, u32 id)
{
	if (id == LLAMA_TOKEN_NONE)
		return 0;
	if (t->n_ids == t->max_ids)
		return -ENOSPC;
	t->ids[t->n_ids++] = id;
	return 0;
}

int llama_tokenizer_tick(struct tokenization *t, size_t n)
{
	t->since += n;
	if (t->since < YIELD_BYTES)
		return 0;
	t->since = 0;
	return llama_yield(t->yield);
}

struct merger llama_tokenizer_merger(struct tokenization *t, const char *text)
{
	return (struct merger){
		.v = t->v,
		.text = text,
		.symbols = t->memory,
		.heap = (struct candidate *)((struct symbol *)t->memory + t->room),
	};
}

/* Copy @s with U+FFFD in place of ill-formed sequences. Return: bytes written. */
static size_t make_valid(const char *s, size_t n, char *out)
{
	size_t i = 0, written = 0;

	while (i < n) {
		u32 cp;
		int used = llama_utf8_decode(s + i, n - i, &cp);

		written += llama_utf8_encode(cp, out + written);
		i += used < 0 ? -used : used;
	}
	return written;
}

static u8 kind(const struct llama_vocab *v, u32 id)
{
	return v->kind[id] & ~LLAMA_TOKEN_EOG;
}

/*
 * Find the first of the special tokens [@lo, @hi) whose byte at @depth is not below @c. Their
 * bytes before @depth are equal.
 */
static u32 lower(const struct llama_vocab *v, u32 lo, u32 hi, u32 depth, u32 c)
{
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;
		struct gguf_str text = v->text[v->special[mid]];

		if (text.len <= depth || (u8)text.data[depth] < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

u32 llama_tokenizer_special(const struct llama_vocab *v, const char *s, size_t n, bool control,
			    bool user)
{
	u32 lo = 0, hi = v->n_special, found = LLAMA_TOKEN_NONE;
	u32 depth, i;

	for (depth = 0; depth < n; depth++) {
		u32 c = (u8)s[depth];

		lo = lower(v, lo, hi, depth, c);
		hi = lower(v, lo, hi, depth, c + 1);
		if (lo == hi)
			break;
		/* Tokens that end here come first. */
		for (i = lo; i < hi && v->text[v->special[i]].len == depth + 1; i++)
			if (kind(v, v->special[i]) == LLAMA_TOKEN_USER ? user : control) {
				found = v->special[i];
				break;
			}
	}
	return found;
}

static int plain(struct tokenization *t, const char *s, size_t n, bool prefix)
{
	return n ? t->v->tokenizer->tokenize(t, s, n, prefix) : 0;
}

/* Cut the text at special tokens. */
static int split(struct tokenization *t, const char *s, size_t n, u32 flags)
{
	bool prefix = t->v->add_space_prefix && !(flags & LLAMA_TOKENIZE_CONT);
	bool control = flags & LLAMA_TOKENIZE_SPECIAL;
	bool user = !t->v->tokenizer->escapes_spaces;
	size_t start = 0, i = 0;
	int err;

	while (i < n) {
		u32 id = llama_tokenizer_special(t->v, s + i, n - i, control, user);

		err = llama_tokenizer_tick(t, 1);
		if (err)
			return err;
		if (id == LLAMA_TOKEN_NONE) {
			i++;
			continue;
		}
		err = plain(t, s + start, i - start, prefix);
		if (!err)
			err = llama_tokenizer_emit(t, id);
		if (err)
			return err;
		prefix = t->v->add_space_prefix;
		i += t->v->text[id].len;
		start = i;
	}
	return plain(t, s + start, n - start, prefix);
}

long llama_tokenize(const struct llama_vocab *v, const char *text, size_t n, u32 flags, u32 *ids,
		    size_t max_ids, void *scratch, const struct llama_yield *yield)
{
	size_t room = text_room(n), tail;
	u8 *memory = scratch;
	struct tokenization t = {
		.v = v, .ids = ids, .max_ids = max_ids, .room = room, .yield = yield,
		.work = (char *)memory + llama_align_up(room),
		.memory = memory + llama_align_up(room) + llama_align_up(2 * room),
	};
	int err = 0;

	if (llama_utf8_check(text, n, &tail) || tail) {
		n = make_valid(text, n, scratch);
		text = scratch;
	}
	if (flags & LLAMA_TOKENIZE_BOS && v->add_bos)
		err = llama_tokenizer_emit(&t, v->bos);
	if (!err)
		err = split(&t, text, n, flags);
	return err ? err : (long)t.n_ids;
}

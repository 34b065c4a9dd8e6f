// SPDX-License-Identifier: GPL-2.0
/* How a text is cut into words before BPE merges each of them. */
#include "text/pre_tokenizer.h"
#include "text/unicode.h"
#include "text/utf8.h"

/* A position in well-formed text, and the character there. */
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

static void skip_class(struct cursor *c, enum llama_unicode_class class)
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

/* Return the bytes of 's 't 'm 'd 're 've 'll at the cursor, or 0. */
static u32 contraction(const struct cursor *c, bool any_case)
{
	const char *s = c->s + c->i;
	size_t left = c->n - c->i;
	char a, b;

	if (c->cp != '\'' || left < 2)
		return 0;
	/* U+017F (long s) equals s where case is ignored. */
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

/* Skip white space, except a last character that belongs to the next word. */
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
		skip_class(c, ahead.class);
		return;
	}
	skip_white(c);
}

/* Skip white space up to its last line end, included. Return: whether it has one. */
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
		skip_class(c, UNICODE_LETTER);
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
		skip_class(c, UNICODE_OTHER);
		while (is_line_end(c))
			step(c);
		return;
	}
	if (!skip_line_ends(c))
		skip_white(c);
}

static const struct llama_pre_tokenizer pre_tokenizers[] = {
	{ .name = "smollm", .next = next_gpt2, .lone_numbers = true },
	{ .name = "gpt-2", .next = next_gpt2 },
	{ .name = "llama-bpe", .next = next_llama3, .whole_words = true, .add_bos = true },
	{ .name = "llama3", .next = next_llama3, .whole_words = true, .add_bos = true },
	{ .name = "llama-v3", .next = next_llama3, .whole_words = true, .add_bos = true },
};

const struct llama_pre_tokenizer *llama_pre_tokenizer(struct gguf_str name)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(pre_tokenizers); i++)
		if (llama_gguf_str_eq(name, pre_tokenizers[i].name))
			return &pre_tokenizers[i];
	return NULL;
}

static int split(const struct llama_pre_tokenizer *p, const char *s, size_t n,
		 llama_word_fn *word, void *arg)
{
	struct cursor c = { .s = s, .n = n };
	int err = 0;

	look(&c);
	while (!err && c.len) {
		size_t start = c.i;

		p->next(&c);
		err = word(arg, s + start, c.i - start);
	}
	return err;
}

/* Each number is a word. The text between two numbers is cut as if it were alone. */
static int split_at_numbers(const struct llama_pre_tokenizer *p, const char *s, size_t n,
			    llama_word_fn *word, void *arg)
{
	struct cursor c = { .s = s, .n = n };
	int err = 0;

	look(&c);
	while (!err && c.len) {
		size_t start = c.i;

		if (c.class == UNICODE_NUMBER) {
			step(&c);
			err = word(arg, s + start, c.i - start);
			continue;
		}
		while (c.len && c.class != UNICODE_NUMBER)
			step(&c);
		err = split(p, s + start, c.i - start, word, arg);
	}
	return err;
}

int llama_pre_tokenizer_split(const struct llama_pre_tokenizer *p, const char *s, size_t n,
			      llama_word_fn *word, void *arg)
{
	return p->lone_numbers ? split_at_numbers(p, s, n, word, arg) : split(p, s, n, word, arg);
}

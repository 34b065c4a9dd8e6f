// SPDX-License-Identifier: GPL-2.0
#include "llama_core.h"
#include "generated/chat.h"
#include "generated/tokenizer.h"
#include "support.h"

static void expect_ids(struct kunit *test, const u32 *want, u32 n_want, const u32 *ids, long n,
		       long at)
{
	KUNIT_ASSERT_EQ_MSG(test, (long)n_want, n, "case %ld", at);
	KUNIT_EXPECT_MEMEQ_MSG(test, want, ids, n_want * sizeof(*want), "case %ld", at);
}

static void tokenize(struct kunit *test, const struct llama_vocab *v, const struct token_case *c)
{
	size_t max_ids, scratch;
	void *memory;
	u32 *ids;
	long n;

	llama_tokenize_bounds(v, c->n, &max_ids, &scratch);
	memory = llamux_test_alloc(test, scratch);
	ids = llamux_test_alloc(test, max_ids * sizeof(*ids));
	n = llama_tokenize(v, c->text, c->n, 0, ids, max_ids, memory, NULL);
	expect_ids(test, c->ids, c->n_ids, ids, n, c - token_cases);
}

/* The pieces of the ids give the text, with replacements for ill-formed bytes. */
static void detokenize(struct kunit *test, const struct llama_vocab *v, const struct token_case *c)
{
	char *buf = llamux_test_alloc(test, llama_vocab_max_piece(v));
	u32 at = 0, skip = llama_vocab_strips_space(v) && c->n_ids;
	u32 i;

	for (i = 0; i < c->n_ids; i++) {
		int n = llama_token_piece(v, c->ids[i], false, buf, llama_vocab_max_piece(v));

		KUNIT_ASSERT_GE(test, n, (int)skip);
		KUNIT_ASSERT_LE(test, at + n - skip, c->n);
		KUNIT_ASSERT_MEMEQ(test, c->text + at, buf + skip, n - skip);
		at += n - skip;
		skip = 0;
	}
	KUNIT_EXPECT_EQ(test, c->n, at);
}

static void tokens_test(struct kunit *test)
{
	const char *name = test->param_value;
	struct llama_model *m = llamux_test_model(test, name);
	u32 i, seen = 0;

	for (i = 0; i < ARRAY_SIZE(token_cases); i++) {
		const struct token_case *c = &token_cases[i];

		if (strcmp(c->model, name))
			continue;
		seen++;
		tokenize(test, &m->vocab, c);
		if (c->reversible)
			detokenize(test, &m->vocab, c);
	}
	KUNIT_EXPECT_GT(test, seen, 0u);
}

static struct gguf_str string(const char *s)
{
	return (struct gguf_str){ s, s ? strlen(s) : 0 };
}

static void turn(struct kunit *test, const struct llama_vocab *v, const struct turn_case *c)
{
	struct llama_chat_turn t = { string(c->system), string(c->user) };
	size_t max_ids, scratch;
	void *memory;
	u32 *ids;
	long n;

	llama_chat_bounds(v, c->family, &t, &max_ids, &scratch);
	memory = llamux_test_alloc(test, scratch);
	ids = llamux_test_alloc(test, max_ids * sizeof(*ids));
	n = llama_chat_tokenize(v, c->family, &t, true, ids, max_ids, memory, NULL);
	expect_ids(test, c->ids, c->n_ids, ids, n, c - turn_cases);
}

static void chat_test(struct kunit *test)
{
	const char *name = test->param_value;
	struct llama_model *m = llamux_test_model(test, name);
	u32 i, seen = 0;

	for (i = 0; i < ARRAY_SIZE(turn_cases); i++) {
		const struct turn_case *c = &turn_cases[i];

		if (strcmp(c->model, name))
			continue;
		seen++;
		KUNIT_EXPECT_EQ(test, c->family, (int)m->chat);
		turn(test, &m->vocab, c);
	}
	KUNIT_EXPECT_GT(test, seen, 0u);
}

/* The first two models of the table, whose cases alternate. */
static const void *models(const void *previous, char *name)
{
	const char *next = token_cases[0].model;

	if (previous == token_cases[1].model)
		return NULL;
	if (previous)
		next = token_cases[1].model;
	strscpy(name, next, KUNIT_PARAM_DESC_SIZE);
	return next;
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(tokens_test, models),
	KUNIT_CASE_PARAM(chat_test, models),
	{ }
};

static struct kunit_suite suite = {
	.name = "llamux-tokenizer",
	.test_cases = cases,
};

kunit_test_suite(suite);

// SPDX-License-Identifier: GPL-2.0
#include "llama_core.h"
#include "generated/utf8.h"
#include "support.h"

static void check_test(struct kunit *test)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(utf8_cases); i++) {
		const struct utf8_case *c = &utf8_cases[i];
		size_t tail = 0;

		KUNIT_EXPECT_EQ_MSG(test, c->err, llama_utf8_check(c->text, c->n, &tail), "text %u",
				    i);
		if (!c->err)
			KUNIT_EXPECT_EQ_MSG(test, (size_t)c->tail, tail, "text %u", i);
	}
}

/* Push @step bytes at a time. */
static void stream(struct kunit *test, const struct utf8_case *c, u32 step)
{
	char *out = llamux_test_alloc(test, 3 * (c->n + 3));
	struct utf8_stream u = { };
	size_t n_out = 0;
	u32 i;

	for (i = 0; i < c->n; i += step)
		n_out += llama_utf8_stream_push(&u, c->text + i, min(step, c->n - i), out + n_out);
	n_out += llama_utf8_stream_end(&u, out + n_out);
	KUNIT_EXPECT_EQ(test, (size_t)c->n_out, n_out);
	KUNIT_EXPECT_MEMEQ(test, c->out, out, c->n_out);
}

static void stream_test(struct kunit *test)
{
	u32 i, step;

	for (i = 0; i < ARRAY_SIZE(utf8_cases); i++)
		for (step = 1; step <= 4; step++)
			stream(test, &utf8_cases[i], step);
}

static void decode_test(struct kunit *test)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(utf8_cases); i++) {
		const struct utf8_case *c = &utf8_cases[i];
		char *out = llamux_test_alloc(test, 3 * c->n + 4);
		u32 at = 0, n_out = 0, cp;

		while (at < c->n) {
			at += abs(llama_utf8_decode(c->text + at, c->n - at, &cp));
			n_out += llama_utf8_encode(cp, out + n_out);
		}
		KUNIT_EXPECT_EQ(test, c->n_out, n_out);
		KUNIT_EXPECT_MEMEQ(test, c->out, out, c->n_out);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(check_test),
	KUNIT_CASE(stream_test),
	KUNIT_CASE(decode_test),
	{ }
};

static struct kunit_suite suite = {
	.name = "llamux-utf8",
	.test_cases = cases,
};

kunit_test_suite(suite);

// SPDX-License-Identifier: GPL-2.0
#include "llama_core.h"
#include "generated/stop.h"
#include "support.h"

static void add(struct llama_stops *stops, const char *text)
{
	if (!*text)
		return;
	stops->len[stops->n] = strlen(text);
	memcpy(stops->text[stops->n], text, strlen(text));
	stops->n++;
}

/* Push @step bytes at a time, until a stop text is complete. */
static void filter(struct kunit *test, const struct stop_case *c, u32 step)
{
	u32 n = strlen(c->text);
	struct llama_stop_filter *f = llamux_test_alloc(test, sizeof(*f));
	char *out = llamux_test_alloc(test, n + LLAMA_STOP_BYTES);
	struct llama_stops stops = { };
	size_t written = 0;
	bool done = false;
	u32 i;

	add(&stops, c->first);
	add(&stops, c->second);
	KUNIT_ASSERT_EQ(test, 0, llama_stop_begin(f, &stops));
	for (i = 0; i < n && !done; i += step)
		written += llama_stop_push(f, c->text + i, min(step, n - i), out + written, &done);
	if (!done)
		written += llama_stop_end(f, out + written);
	KUNIT_EXPECT_EQ_MSG(test, (bool)c->done, done, "'%s' by %u", c->text, step);
	KUNIT_ASSERT_EQ_MSG(test, strlen(c->out), written, "'%s' by %u", c->text, step);
	KUNIT_EXPECT_MEMEQ(test, c->out, out, written);
}

static void filter_test(struct kunit *test)
{
	u32 i, step;

	for (i = 0; i < ARRAY_SIZE(stop_cases); i++)
		for (step = 1; step <= 4; step++)
			filter(test, &stop_cases[i], step);
}

static void refused_test(struct kunit *test)
{
	struct llama_stop_filter *f = llamux_test_alloc(test, sizeof(*f));
	struct llama_stops stops = { .n = 1 };

	KUNIT_EXPECT_EQ(test, -EINVAL, llama_stop_begin(f, &stops));
	stops.len[0] = LLAMA_STOP_BYTES + 1;
	KUNIT_EXPECT_EQ(test, -EINVAL, llama_stop_begin(f, &stops));
	stops.len[0] = LLAMA_STOP_BYTES;
	KUNIT_EXPECT_EQ(test, 0, llama_stop_begin(f, &stops));
	stops.n = LLAMA_MAX_STOPS + 1;
	KUNIT_EXPECT_EQ(test, -EINVAL, llama_stop_begin(f, &stops));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(filter_test),
	KUNIT_CASE(refused_test),
	{ }
};

static struct kunit_suite suite = {
	.name = "llamux-stop",
	.test_cases = cases,
};

kunit_test_suite(suite);

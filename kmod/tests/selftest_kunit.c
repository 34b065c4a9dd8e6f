// SPDX-License-Identifier: GPL-2.0
#include "llama_core.h"
#include "support.h"
#include "wrong.h"

static struct llama_arena memory(struct kunit *test)
{
	struct llama_arena measured = { .used = llama_selftest_size() };

	return llamux_test_arena(test, &measured);
}

static void right_test(struct kunit *test)
{
	struct llama_arena arena = memory(test);

	KUNIT_EXPECT_STREQ(test, "", llama_selftest(test->param_value, &arena) ?: "");
}

/* The self-test finds and names each wrong function of a path. */
static void wrong_test(struct kunit *test)
{
	struct llama_arena arena = memory(test);
	struct vector_ops ops;
	struct llama_path path;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(wrong_functions); i++) {
		struct llama_arena whole = arena;

		if (make_wrong(test->param_value, i, &path, &ops))
			KUNIT_EXPECT_STREQ(test, wrong_functions[i].found,
					   llama_selftest(&path, &whole) ?: "");
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(right_test, llamux_test_isa),
	KUNIT_CASE_PARAM(wrong_test, llamux_test_isa),
	{ }
};

static struct kunit_suite suite = {
	.name = "llamux-selftest",
	.suite_exit = llamux_test_isa_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);

// SPDX-License-Identifier: GPL-2.0
#include "generated/gguf.h"
#include "support.h"

static bool known(int err)
{
	return err == -EINVAL || err == -ENOENT || err == -ENOEXEC || err == -EOPNOTSUPP;
}

static void refused_test(struct kunit *test)
{
	struct llama_model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (i = 0; i < ARRAY_SIZE(malformed_cases); i++) {
		const struct malformed_case *c = &malformed_cases[i];
		struct llamux_test_file file = llamux_test_read(test, c->file);
		struct llama_diag diag = { };
		int err = llamux_test_load(test, &file, m, &diag);

		KUNIT_EXPECT_TRUE_MSG(test, known(err), "%s: %d", c->file, err);
		KUNIT_EXPECT_TRUE_MSG(test, strstr(diag.text, c->expect), "%s: '%s' is not in '%s'",
				      c->file, c->expect, diag.text);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(refused_test),
	{ }
};

static struct kunit_suite suite = {
	.name = "llamux-gguf",
	.test_cases = cases,
};

kunit_test_suite(suite);

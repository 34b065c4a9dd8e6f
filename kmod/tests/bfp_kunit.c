// SPDX-License-Identifier: GPL-2.0
#include "generated/bfp.h"
#include "support.h"

#define N ARRAY_SIZE(bfp_cases[0].v)

/* Results of a path for a vector. */
struct result {
	s16 q[N];
	u8 h[ARRAY_SIZE(bfp_cases[0].h)];
	s16 q1[N];
	s32 a[N];
	int e_q;
	int e_q1;
	int shift;
};

static void compute(const struct llama_path *path, const struct bfp_case *c, struct result *r)
{
	llama_path_begin(path);
	r->e_q = path->vector->quantize_into(c->v, N, c->e, r->q, r->h);
	r->e_q1 = path->vector->quantize1(c->v, N, c->e, r->q1);
	r->shift = path->vector->normalize(c->v, N, r->a);
	llama_path_end(path);
}

static void bfp_test(struct kunit *test)
{
	struct result *r = llamux_test_alloc(test, sizeof(*r));
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bfp_cases); i++) {
		const struct bfp_case *c = &bfp_cases[i];

		memset(r, 0xa5, sizeof(*r));
		compute(test->param_value, c, r);
		KUNIT_EXPECT_MEMEQ_MSG(test, c->q, r->q, sizeof(c->q), "codes of vector %u", i);
		KUNIT_EXPECT_MEMEQ_MSG(test, c->h, r->h, sizeof(c->h), "shifts of vector %u", i);
		KUNIT_EXPECT_EQ_MSG(test, c->e_q, r->e_q, "vector %u", i);
		KUNIT_EXPECT_MEMEQ_MSG(test, c->q1, r->q1, sizeof(c->q1), "codes of vector %u", i);
		KUNIT_EXPECT_EQ_MSG(test, c->e_q1, r->e_q1, "vector %u", i);
		KUNIT_EXPECT_MEMEQ_MSG(test, c->a, r->a, sizeof(c->a), "elements of vector %u", i);
		KUNIT_EXPECT_EQ_MSG(test, c->shift, r->shift, "vector %u", i);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(bfp_test, llamux_test_isa),
	{ }
};

static struct kunit_suite suite = {
	.name = "llamux-bfp",
	.test_cases = cases,
};

kunit_test_suite(suite);

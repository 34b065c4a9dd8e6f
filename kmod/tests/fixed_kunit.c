// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>

#include "arithmetic/fixed.h"
#include "generated/fixed.h"

static void shift_round_test(struct kunit *test)
{
	const struct shift_round_case *c;

	for (c = shift_round_cases; c < shift_round_cases + ARRAY_SIZE(shift_round_cases); c++)
		KUNIT_EXPECT_EQ_MSG(test, c->y, shift_round(c->v, c->s), "%lld, %d", c->v, c->s);
}

static void scale_to_q32_test(struct kunit *test)
{
	const struct scale_to_q32_case *c;

	for (c = scale_to_q32_cases; c < scale_to_q32_cases + ARRAY_SIZE(scale_to_q32_cases); c++)
		KUNIT_EXPECT_EQ_MSG(test, c->y, scale_to_q32(c->v, c->e), "%lld, %d", c->v, c->e);
}

static void exp2_neg_test(struct kunit *test)
{
	const struct exp2_neg_case *c;

	for (c = exp2_neg_cases; c < exp2_neg_cases + ARRAY_SIZE(exp2_neg_cases); c++) {
		KUNIT_EXPECT_EQ_MSG(test, c->y, llama_exp2_neg(c->x), "%llu", c->x);
		if (c->x <= U32_MAX)
			KUNIT_EXPECT_EQ_MSG(test, c->y, exp2_neg_wide(c->x), "%llu", c->x);
	}
}

static void sigmoid_from_exp_test(struct kunit *test)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sigmoid_from_exp_cases); i++) {
		const struct sigmoid_from_exp_case *c = &sigmoid_from_exp_cases[i];

		KUNIT_EXPECT_EQ_MSG(test, c->y, llama_sigmoid_from_exp(c->e), "%d", c->e);
		KUNIT_EXPECT_EQ_MSG(test, c->y, sigmoid_wide(c->e), "%d", c->e);
	}
}

static void isqrt_test(struct kunit *test)
{
	const struct isqrt_case *c;

	for (c = isqrt_cases; c < isqrt_cases + ARRAY_SIZE(isqrt_cases); c++)
		KUNIT_EXPECT_EQ_MSG(test, c->y, llama_isqrt(c->v), "%llu", c->v);
}

static void sincos_turn_test(struct kunit *test)
{
	const struct sincos_turn_case *c;
	q30 sin, cos;

	for (c = sincos_turn_cases; c < sincos_turn_cases + ARRAY_SIZE(sincos_turn_cases); c++) {
		llama_sincos(c->phase, &sin, &cos);
		KUNIT_EXPECT_EQ_MSG(test, c->sin, sin, "%llu", c->phase);
		KUNIT_EXPECT_EQ_MSG(test, c->cos, cos, "%llu", c->phase);
	}
}

static void rope_frequency_test(struct kunit *test)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rope_frequency_cases); i++) {
		const struct rope_frequency_case *c = &rope_frequency_cases[i];

		KUNIT_EXPECT_EQ_MSG(test, c->y, llama_rope_frequency(c->base, c->i, c->d),
				    "%#x, %u, %u", c->base, c->i, c->d);
	}
}

static void turn_div_f32_test(struct kunit *test)
{
	const struct turn_div_f32_case *c;

	for (c = turn_div_f32_cases; c < turn_div_f32_cases + ARRAY_SIZE(turn_div_f32_cases); c++)
		KUNIT_EXPECT_EQ_MSG(test, c->y, llama_angle_div_f32(c->turn, c->bits), "%llu, %#x",
				    c->turn, c->bits);
}

static void expect_parts(struct kunit *test, u32 bits, int err, struct float_parts want,
			 int got_err, struct float_parts got)
{
	KUNIT_EXPECT_EQ_MSG(test, err, got_err, "%#x", bits);
	if (err)
		return;
	KUNIT_EXPECT_EQ_MSG(test, want.m, got.m, "%#x", bits);
	KUNIT_EXPECT_EQ_MSG(test, want.e, got.e, "%#x", bits);
}

#define PARTS_TEST(kind)								\
static void kind##_parts_test(struct kunit *test)					\
{											\
	u32 i;										\
											\
	for (i = 0; i < ARRAY_SIZE(kind##_parts_cases); i++) {				\
		const struct kind##_parts_case *c = &kind##_parts_cases[i];		\
		struct float_parts p = { };						\
		int err = llama_##kind##_parts(c->bits, &p);				\
											\
		expect_parts(test, c->bits, c->err, (struct float_parts){ c->m, c->e },	\
			     err, p);							\
	}										\
}

PARTS_TEST(f32)
PARTS_TEST(f16)
PARTS_TEST(bf16)

static struct kunit_case cases[] = {
	KUNIT_CASE(shift_round_test),
	KUNIT_CASE(scale_to_q32_test),
	KUNIT_CASE(exp2_neg_test),
	KUNIT_CASE(sigmoid_from_exp_test),
	KUNIT_CASE(isqrt_test),
	KUNIT_CASE(sincos_turn_test),
	KUNIT_CASE(rope_frequency_test),
	KUNIT_CASE(turn_div_f32_test),
	KUNIT_CASE(f32_parts_test),
	KUNIT_CASE(f16_parts_test),
	KUNIT_CASE(bf16_parts_test),
	{ }
};

static struct kunit_suite suite = {
	.name = "llamux-fixed",
	.test_cases = cases,
};

kunit_test_suite(suite);

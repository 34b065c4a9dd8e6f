// SPDX-License-Identifier: GPL-2.0
#include "llama_core.h"
#include "generated/sampler.h"
#include "support.h"

#define N_VOCAB ARRAY_SIZE(draw_cases[0].logits)

static void draws(struct kunit *test, const struct draw_case *c)
{
	struct llama_sampler_params params = {
		.temperature = c->temperature,
		.top_k = c->top_k,
		.top_p = c->top_p,
		.min_p = c->min_p,
		.repeat_penalty = c->repeat_penalty,
		.seed = c->seed,
	};
	struct llama_sampler *s = llamux_test_alloc(test, sizeof(*s));
	void *scratch = llamux_test_alloc(test, llama_sampler_scratch(N_VOCAB));
	u32 i;

	KUNIT_ASSERT_EQ(test, 0, llama_sampler_init(s, &params, NULL));
	for (i = 0; i < ARRAY_SIZE(c->draws); i++) {
		long token = llama_sample(s, c->logits, N_VOCAB, &c->mask, scratch);

		KUNIT_ASSERT_EQ_MSG(test, (long)c->draws[i], token, "draw %u of case %zu", i,
				    c - draw_cases);
		llama_sampler_accept(s, token);
	}
}

static void draw_test(struct kunit *test)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(draw_cases); i++)
		draws(test, &draw_cases[i]);
}

static void no_token_test(struct kunit *test)
{
	struct llama_sampler_params params = { .top_p = 1 << 16, .repeat_penalty = 1 << 16 };
	struct llama_sampler *s = llamux_test_alloc(test, sizeof(*s));
	void *scratch = llamux_test_alloc(test, llama_sampler_scratch(N_VOCAB));
	u64 mask = 0;

	KUNIT_ASSERT_EQ(test, 0, llama_sampler_init(s, &params, NULL));
	KUNIT_EXPECT_EQ(test, (long)-ENOENT,
			llama_sample(s, draw_cases[0].logits, N_VOCAB, &mask, scratch));
}

static void decimal_test(struct kunit *test)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(decimal_cases); i++) {
		const struct decimal_case *c = &decimal_cases[i];
		u32 v = 0;

		KUNIT_EXPECT_EQ_MSG(test, c->err, llama_parse_q16(c->text, strlen(c->text), &v),
				    "'%s'", c->text);
		KUNIT_EXPECT_EQ_MSG(test, c->v, v, "'%s'", c->text);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(draw_test),
	KUNIT_CASE(no_token_test),
	KUNIT_CASE(decimal_test),
	{ }
};

static struct kunit_suite suite = {
	.name = "llamux-sampler",
	.test_cases = cases,
};

kunit_test_suite(suite);

// SPDX-License-Identifier: GPL-2.0
#include "generation/confidence.h"
#include "generated/confidence.h"
#include "support.h"

/* Each token by itself, then all of them one after the other. */
static void confidence_test(struct kunit *test)
{
	struct llama_confidence all = { };
	s64 log_prob = 0, margin = 0;
	u32 i;

	llama_path_use(test->param_value);
	KUNIT_EXPECT_EQ(test, 0LL, llama_log_prob_mean(&all));
	for (i = 0; i < ARRAY_SIZE(confidence_cases); i++) {
		const struct confidence_case *c = &confidence_cases[i];
		struct llama_confidence one = { };

		llama_confidence_add(&one, c->logits, c->n_vocab, c->token);
		KUNIT_EXPECT_EQ_MSG(test, 1u, one.n, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, c->log_prob, one.log_prob, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, c->margin, one.margin, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, c->log_prob,
				    llama_log_prob(c->logits, c->n_vocab, c->token), "case %u", i);
		llama_confidence_add(&all, c->logits, c->n_vocab, c->token);
		log_prob += c->log_prob;
		margin += c->margin;
	}
	KUNIT_EXPECT_EQ(test, log_prob / i, llama_log_prob_mean(&all));
	KUNIT_EXPECT_EQ(test, margin / i, llama_margin_mean(&all));
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(confidence_test, llamux_test_isa),
	{ }
};

static struct kunit_suite suite = {
	.name = "llamux-confidence",
	.suite_exit = llamux_test_isa_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);

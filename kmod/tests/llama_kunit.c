// SPDX-License-Identifier: GPL-2.0
#include <crypto/sha2.h>

#include "llama_core.h"
#include "generated/llama.h"
#include "support.h"

static struct llama_kv cache(struct kunit *test, const struct llama_model *m, u32 n_ctx)
{
	struct llama_kv kv = { .n_chunks = llama_kv_chunks(n_ctx) };
	u32 i;

	kv.chunks = llamux_test_alloc(test, kv.n_chunks * sizeof(*kv.chunks));
	for (i = 0; i < kv.n_chunks; i++)
		kv.chunks[i] = llamux_test_alloc(test, llama_kv_chunk_size(m));
	return kv;
}

/* Expect the logits of every position, in passes of @n_batch tokens. */
static void evaluate(struct kunit *test, const struct llama_model *m, const struct golden_case *c,
		     u32 n_batch, q16 *logits)
{
	struct llama_arena measured = {
		.used = llama_scratch_size(m, c->n_tokens, n_batch, 1),
	};
	struct llama_arena arena = llamux_test_arena(test, &measured);
	struct llama_scratch *s = llamux_test_alloc(test, sizeof(*s));
	struct llama_kv kv = cache(test, m, c->n_tokens);
	u32 pos, n;

	memset(s, 0, sizeof(*s));
	KUNIT_ASSERT_EQ(test, 0, llama_scratch_init(s, m, c->n_tokens, n_batch, 1, &arena));
	for (pos = 0; pos < c->n_tokens; pos += n) {
		n = min(n_batch, c->n_tokens - pos);
		KUNIT_ASSERT_EQ(test, 0, llama_forward(m, s, &kv, c->tokens + pos, n, pos,
						       logits + (size_t)pos * m->n_vocab, n, NULL));
	}
}

static void expect_logits(struct kunit *test, const struct golden_case *c, u32 n_batch)
{
	struct llama_model *m = llamux_test_model(test, c->file);
	size_t size = (size_t)c->n_tokens * c->n_vocab * sizeof(q16);
	q16 *logits = llamux_test_alloc(test, size);
	u8 digest[SHA256_DIGEST_SIZE];

	KUNIT_ASSERT_EQ(test, c->n_vocab, m->n_vocab);
	evaluate(test, m, c, n_batch, logits);
	sha256((const u8 *)logits, size, digest);
	KUNIT_EXPECT_MEMEQ_MSG(test, c->sha256, digest, sizeof(digest), "%s, %u at a time",
			       c->file, n_batch);
}

/* A path and a model. */
struct logits_case {
	const struct llama_path *path;
	u32 golden;
};

/* Each model on each path is a case of its own, so that none takes long. */
static const void *next_case(const void *previous, char *name)
{
	static struct logits_case c;
	char path[KUNIT_PARAM_DESC_SIZE];

	if (previous && ++c.golden < ARRAY_SIZE(golden_cases)) {
		strscpy(path, c.path->name, sizeof(path));
	} else {
		c.path = llamux_test_isa(previous ? c.path : NULL, path);
		c.golden = 0;
	}
	if (!c.path)
		return NULL;
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%s/%s", path, golden_cases[c.golden].file);
	return &c;
}

static void logits_test(struct kunit *test)
{
	const struct logits_case *c = test->param_value;

	llama_path_use(c->path);
	expect_logits(test, &golden_cases[c->golden], 1);
	expect_logits(test, &golden_cases[c->golden], 13);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM_ATTR(logits_test, next_case, { .speed = KUNIT_SPEED_SLOW }),
	{ }
};

static struct kunit_suite suite = {
	.name = "llamux-llama",
	.suite_exit = llamux_test_isa_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);

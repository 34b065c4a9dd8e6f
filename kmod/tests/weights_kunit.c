// SPDX-License-Identifier: GPL-2.0
#include "arithmetic/prepare.h"
#include "arithmetic/weights_row.h"
#include "file/generated/ggml_types.h"
#include "generated/weights.h"
#include "support.h"

#define N_ROWS (TILE_ROWS + 1)	/* a tile and a row behind it */
#define N_TOKENS 17
#define EXPONENT -32

static_assert(ARRAY_SIZE(product_cases[0].y) == N_TOKENS * N_ROWS);

/* One token, a few, and enough that tiles are unpacked first. */
static const u32 batches[] = { 1, 5, N_TOKENS };

static void prepare(struct kunit *test, const struct product_case *c, struct weights *w)
{
	struct gguf_tensor t = {
		.name = { "weight", 6 },
		.type = c->type,
		.n_dims = 2,
		.ne = { c->n_in, N_ROWS, 1, 1 },
		.size = c->size,
	};
	struct llama_arena measured = { }, arena;
	struct weights_tmp tmp;
	u8 *image = llamux_test_alloc(test, c->size);

	memcpy(image, c->data, c->size);
	llama_weights_alloc(w, &t, &measured);
	llama_weights_tmp_alloc(&tmp, &measured, c->n_in);
	arena = llamux_test_arena(test, &measured);
	llama_weights_alloc(w, &t, &arena);
	llama_weights_tmp_alloc(&tmp, &arena, c->n_in);
	KUNIT_ASSERT_EQ(test, 0, llama_weights_prepare(w, &t, image, &tmp, NULL, NULL));
}

static void input(struct kunit *test, u32 n_in, struct bfp *x, struct weights_row *row)
{
	struct llama_arena measured = { }, arena;
	s64 *v = llamux_test_alloc(test, n_in * sizeof(*v));
	u32 i, t;

	llama_bfp_alloc(x, &measured, N_TOKENS, n_in);
	llama_weights_row_alloc(row, &measured, N_TOKENS, n_in);
	arena = llamux_test_arena(test, &measured);
	llama_bfp_alloc(x, &arena, N_TOKENS, n_in);
	llama_weights_row_alloc(row, &arena, N_TOKENS, n_in);
	for (t = 0; t < N_TOKENS; t++) {
		for (i = 0; i < n_in; i++)
			v[i] = product_input_cases[t + i].v;
		llama_bfp_quantize(x, t, v, EXPONENT);
	}
}

static void expect_products(struct kunit *test, const struct product_case *c, const s64 *y, u32 n)
{
	u32 i;

	for (i = 0; i < n * N_ROWS; i++)
		if (c->y[i] != y[i]) {
			KUNIT_FAIL(test, "%s: row %u, token %u of %u: %lld is not %lld\n", c->name,
				   i % N_ROWS, i / N_ROWS, n, y[i], c->y[i]);
			return;
		}
}

static void multiply(struct kunit *test, const struct llama_path *path,
		     const struct product_case *c)
{
	s64 *y = llamux_test_alloc(test, sizeof(c->y));
	struct weights_row row;
	struct weights w;
	struct bfp x;
	u32 i;

	llama_path_use(path);
	prepare(test, c, &w);
	input(test, c->n_in, &x, &row);
	for (i = 0; i < ARRAY_SIZE(batches); i++) {
		memset(y, 0xa5, sizeof(c->y));
		llama_path_begin(path);
		llama_weights_mul(&w, 0, N_ROWS, &x, batches[i], &row, y, N_ROWS);
		llama_path_end(path);
		expect_products(test, c, y, batches[i]);
	}
}

static void products_test(struct kunit *test)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(product_cases); i++)
		multiply(test, test->param_value, &product_cases[i]);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(products_test, llamux_test_isa),
	{ }
};

static struct kunit_suite suite = {
	.name = "llamux-weights",
	.suite_exit = llamux_test_isa_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);

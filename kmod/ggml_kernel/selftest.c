// SPDX-License-Identifier: GPL-2.0
/* Whether a path computes what the generic one does. */
#include "selftest.h"
#include "generated/ggml_types.h"

#define N_IN 512
#define N_TOKENS 23	/* every number of tokens that products know how to take at once */
#define DIM 64
#define N_QUERIES 7

/* A type of weights. */
struct kind {
	const char *name;
	u32 type;
	u32 bytes;	/* of a row */
};

#define KIND(name) { #name, GGML_TYPE_##name, N_IN / GGML_BLOCK_##name * GGML_BYTES_##name }

static const struct kind kinds[] = {
	KIND(Q4_0), KIND(Q4_1), KIND(Q5_0), KIND(Q5_1), KIND(Q8_0), KIND(Q2_K),
	KIND(Q3_K), KIND(Q4_K), KIND(Q5_K), KIND(Q6_K), KIND(F16),
};

/* What a test computes with, and two sets of results. */
struct test {
	u64 random;
	u8 *tile;		/* (16, N_IN) of the widest type */
	s16 *e_d;		/* (16) */
	s16 *e_n;		/* (16) */
	u8 *g;			/* (16, N_IN / 32) */
	s64 *v;			/* (N_IN) */
	s64 *v2;		/* (N_IN) */
	s32 *norm;		/* (N_IN) */
	s16 *kv;		/* a chunk's keys or values */
	s16 *planes;		/* (2, N_QUERIES, 64) */
	u8 *h;			/* (N_QUERIES, 2) */
	struct vector_tmp tmp;	/* (N_IN) */
	struct weights_row row;
	struct bfp x[2];	/* (N_TOKENS, N_IN) */
	s64 *out[2];		/* (N_TOKENS, N_IN) */
};

static bool lay_out(struct test *t, struct llama_arena *arena)
{
	u32 i;

	t->tile = llama_arena_alloc(arena, TILE_ROWS * N_IN, sizeof(s16));
	t->e_d = llama_arena_alloc(arena, TILE_ROWS, sizeof(*t->e_d));
	t->e_n = llama_arena_alloc(arena, TILE_ROWS, sizeof(*t->e_n));
	t->g = llama_arena_alloc(arena, TILE_ROWS, N_IN / BFP_BLOCK);
	t->v = llama_arena_alloc(arena, N_IN, sizeof(*t->v));
	t->v2 = llama_arena_alloc(arena, N_IN, sizeof(*t->v2));
	t->norm = llama_arena_alloc(arena, N_IN, sizeof(*t->norm));
	t->kv = llama_arena_alloc(arena, LLAMA_KV_CHUNK * DIM, sizeof(*t->kv));
	t->planes = llama_arena_alloc(arena, 2 * N_QUERIES * LLAMA_KV_CHUNK, sizeof(*t->planes));
	t->h = llama_arena_alloc(arena, N_QUERIES, LLAMA_KV_CHUNK / BFP_BLOCK);
	vector_tmp_alloc(&t->tmp, arena, N_IN);
	weights_row_alloc(&t->row, arena, N_TOKENS, N_IN);
	for (i = 0; i < 2; i++) {
		bfp_alloc(&t->x[i], arena, N_TOKENS, N_IN);
		t->out[i] = llama_arena_alloc(arena, N_TOKENS * N_IN, sizeof(*t->out[i]));
	}
	return t->out[1];
}

size_t llama_selftest_size(void)
{
	struct llama_arena arena = { 0 };
	struct test t;

	lay_out(&t, &arena);
	return arena.used;
}

/* Marsaglia's xorshift64. */
static u64 next(struct test *t)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return t->random;
}

/* Below 2^@bits in magnitude. */
static s64 number(struct test *t, u32 bits)
{
	return (s64)next(t) >> (63 - bits);
}

/* Of any size below 2^@bits, each block of its own. */
static void numbers(struct test *t, s64 *v, u32 n, u32 bits)
{
	u32 size = bits;
	u32 i;

	for (i = 0; i < n; i++) {
		if (i % BFP_BLOCK == 0)
			size = bits - next(t) % 16;
		v[i] = number(t, size);
	}
}

static s16 code(struct test *t)
{
	return clamp_t(s64, number(t, 15), -S16_MAX, S16_MAX);
}

static void planes(struct test *t, u32 n, bool is_signed)
{
	u32 i;

	for (i = 0; i < n; i++) {
		s16 x = is_signed ? code(t) : code(t) & S16_MAX;

		t->planes[i] = x >> 8;
		t->planes[N_QUERIES * LLAMA_KV_CHUNK + i] = x & 255;
	}
}

static bool same_out(const struct test *t, u32 n)
{
	return !memcmp(t->out[0], t->out[1], n * sizeof(*t->out[0]));
}

static bool product_differs(struct test *t, const struct isa *path, const struct kind *kind, u32 n_tokens)
{
	const struct isa *ways[] = { &isa_generic, path };
	struct weights w = {
		.type = kind->type,
		.n_in = N_IN,
		.n_out = TILE_ROWS,
		.row_bytes = kind->bytes,
		.n_tiles = 1,
		.data = t->tile,
		.e_d = t->e_d,
		.g = t->g,
	};
	u32 i;

	if (kind->type == GGML_TYPE_Q4_1 || kind->type == GGML_TYPE_Q5_1 ||
	    kind->type == GGML_TYPE_Q2_K || kind->type == GGML_TYPE_Q4_K ||
	    kind->type == GGML_TYPE_Q5_K)
		w.e_n = t->e_n;
	for (i = 0; i < 2; i++) {
		isa_use(ways[i]);
		isa_begin(ways[i]);
		weights_mul(&w, 0, TILE_ROWS, &t->x[0], n_tokens, &t->row, t->out[i], TILE_ROWS);
		isa_end(ways[i]);
	}
	return !same_out(t, n_tokens * TILE_ROWS);
}

static const char *test_products(struct test *t, const struct isa *path)
{
	u32 i, j;

	for (i = 0; i < TILE_ROWS; i++) {
		t->e_d[i] = -24 - next(t) % 12;
		t->e_n[i] = -20 - next(t) % 12;
	}
	for (i = 0; i < TILE_ROWS * N_IN / BFP_BLOCK; i++)
		t->g[i] = next(t) % (BFP_MAX_SHIFT + 1);
	for (i = 0; i < N_TOKENS; i++) {
		numbers(t, t->v, N_IN, 40);
		vector_generic.quantize(&t->x[0], i, t->v, -32);
	}
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (j = 0; j < TILE_ROWS * N_IN; j++)
			((s16 *)t->tile)[j] = code(t);
		if (product_differs(t, path, &kinds[i], 7) ||
		    product_differs(t, path, &kinds[i], N_TOKENS))
			return kinds[i].name;
	}
	return NULL;
}

static const char *test_attention(struct test *t, const struct isa *path)
{
	struct attention_scores s = {
		.k = t->kv,
		.next = t->kv,
		.dim = DIM,
		.hi = t->planes,
		.lo = t->planes + N_QUERIES * LLAMA_KV_CHUNK,
		.n_rows = N_QUERIES,
		.n = LLAMA_KV_CHUNK,
	};
	struct attention_values v = {
		.v = t->kv,
		.next = t->kv,
		.dim = DIM,
		.hi = s.hi,
		.lo = s.lo,
		.h = t->h,
		.n_rows = N_QUERIES,
		.n_blocks = 2,
		.stride = LLAMA_KV_CHUNK,
	};
	u32 n = N_QUERIES * LLAMA_KV_CHUNK;
	u32 i;

	for (i = 0; i < LLAMA_KV_CHUNK * DIM; i++)
		t->kv[i] = code(t);
	planes(t, N_QUERIES * DIM, true);
	s.dot = t->out[0];
	attention_scores(&s);
	s.dot = t->out[1];
	isa_begin(path);
	path->scores(&s);
	isa_end(path);
	if (!same_out(t, n))
		return "scores of attention";
	planes(t, n, false);
	for (i = 0; i < 2 * N_QUERIES; i++)
		t->h[i] = next(t) % (BFP_MAX_SHIFT + 1);
	for (i = 0; i < 2; i++)
		memset(t->out[i], 0, n * sizeof(*t->out[i]));
	v.sum = t->out[0];
	attention_values(&v);
	v.sum = t->out[1];
	isa_begin(path);
	path->values(&v);
	isa_end(path);
	return same_out(t, N_QUERIES * DIM) ? NULL : "values of attention";
}

static bool same_vector(const struct test *t)
{
	const struct bfp *a = &t->x[0], *b = &t->x[1];
	u32 n = a->n_blocks;

	return !memcmp(a->q, b->q, n * BFP_BLOCK * sizeof(*a->q)) &&
	       !memcmp(a->pair, b->pair, n * BFP_BLOCK / 2 * sizeof(*a->pair)) &&
	       !memcmp(a->sum, b->sum, 2 * n * sizeof(*a->sum)) &&
	       !memcmp(a->total, b->total, n * sizeof(*a->total)) && !memcmp(a->h, b->h, n) &&
	       !memcmp(a->shift, b->shift, n * sizeof(*a->shift)) && a->e[0] == b->e[0];
}

static const char *test_vectors(struct test *t, const struct isa *path)
{
	const struct vector_ops *ways[] = { &vector_generic, path->vector };
	const struct float_parts eps = { 10995116, -60 };
	u32 i;

	numbers(t, t->v, N_IN, 40);
	numbers(t, t->v2, N_IN, 36);
	for (i = 0; i < N_IN; i++)
		t->norm[i] = number(t, 30);
	isa_begin(path);
	for (i = 0; i < 2; i++)
		ways[i]->rmsnorm(&t->x[i], 0, t->v, t->norm, -30, eps, &t->tmp);
	isa_end(path);
	if (!same_vector(t))
		return "norms";
	isa_begin(path);
	for (i = 0; i < 2; i++)
		ways[i]->swiglu(&t->x[i], 0, t->v2, t->v, &t->tmp);
	isa_end(path);
	if (!same_vector(t))
		return "gates";
	isa_begin(path);
	for (i = 0; i < 2; i++) {
		ways[i]->rotate(t->v, DIM, DIM, t->norm, t->norm + DIM, &t->tmp);
		memcpy(t->out[i], t->tmp.wide, DIM * sizeof(*t->tmp.wide));
	}
	isa_end(path);
	return same_out(t, DIM) ? NULL : "rotations";
}

static const char *test_softmax(struct test *t, const struct isa *path)
{
	const struct vector_ops *ways[] = { &vector_generic, path->vector };
	u32 i, j;

	numbers(t, t->v, LLAMA_KV_CHUNK, 36);
	for (j = 0; j < LLAMA_KV_CHUNK; j++)
		t->kv[j] = -8 - next(t) % 8;
	isa_begin(path);
	for (i = 0; i < 2; i++) {
		struct vector_top top = { -S32_MAX, S16_MIN };
		u32 n = LLAMA_KV_CHUNK - 1;

		memset(t->out[i], 0, 2 * LLAMA_KV_CHUNK * sizeof(*t->out[i]));
		ways[i]->score(t->v, t->kv, t->kv, -18, n, t->tmp.a, &top);
		t->out[i][n] = ways[i]->weigh(t->tmp.a, t->kv, n, &top, t->tmp.wide);
		memcpy(t->out[i], t->tmp.wide, n * sizeof(*t->tmp.wide));
		t->out[i][n + 1] = ways[i]->quantize_into(t->out[0], n, 0, (s16 *)t->tmp.b, t->h);
		ways[i]->split((s16 *)t->tmp.b, n, (s16 *)(t->out[i] + n + 2),
			       (s16 *)(t->out[i] + n + 2) + n);
	}
	isa_end(path);
	return same_out(t, 2 * LLAMA_KV_CHUNK) ? NULL : "softmax";
}

const char *llama_selftest(const struct isa *path, struct llama_arena *arena)
{
	const struct isa *now = isa_current();
	struct test t = { .random = 0x2545f4914f6cdd1dULL };
	const char *wrong;

	if (!lay_out(&t, arena))
		return "nothing, for want of memory";
	wrong = test_products(&t, path);
	if (!wrong)
		wrong = test_attention(&t, path);
	if (!wrong)
		wrong = test_vectors(&t, path);
	if (!wrong)
		wrong = test_softmax(&t, path);
	isa_use(now);
	return wrong;
}

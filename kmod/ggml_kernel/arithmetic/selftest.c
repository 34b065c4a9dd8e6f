// SPDX-License-Identifier: GPL-2.0
/* Self-test of code paths. harness/codegen/selftest.py computes the expected hashes. */
#include "arithmetic/selftest.h"
#include "arithmetic/block_type.h"
#include "arithmetic/generated/selftest.h"
#include "arithmetic/prepare.h"
#include "arithmetic/weights_row.h"
#include "file/generated/ggml_types.h"

#define N 512
#define N_ODD 509	/* no whole blocks, no whole vectors */
#define N_TOKENS 23	/* covers every number of tokens that a product processes at once */
#define DIM 64
#define MAX_DIM 80
#define N_QUERIES 7
#define N_SUMS 3	/* vectors of struct vector_sums */

/* Inputs and outputs of a test, and the hash of its results. */
struct test {
	const struct llama_path *path;
	const struct vector_ops *ops;
	u64 random;
	u64 hash;
	u32 type;		/* of products */
	s64 *v;			/* (N_TOKENS, N) */
	s32 *w;			/* (N) */
	s16 *code;		/* (16, N) */
	u8 *image;		/* (16, N) weights of 16 bits at most */
	s16 *hi, *lo;		/* (N) planes */
	s16 *e;			/* (64) exponents */
	u8 *h;			/* (16) shifts */
	s64 *out;		/* (N_TOKENS, 16) and (2, N) */
	struct vector_tmp tmp;	/* (N) */
	struct weights_tmp file;
	struct weights_row row;
	struct bfp x;		/* (N_TOKENS, N) */
	struct bfp y;		/* (1, N_ODD) */
	struct llama_arena rest;	/* for llama_weights_alloc() */
};

static struct gguf_tensor tensor(u32 type)
{
	return (struct gguf_tensor){ .type = type, .n_dims = 2, .ne = { N, TILE_ROWS, 1, 1 } };
}

static bool lay_out(struct test *t, struct llama_arena *arena)
{
	const struct gguf_tensor blocks = tensor(GGML_TYPE_Q4_1), floats = tensor(GGML_TYPE_F16);
	struct weights w;

	t->v = llama_arena_alloc(arena, N_TOKENS * N, sizeof(*t->v));
	t->w = llama_arena_alloc(arena, N, sizeof(*t->w));
	t->code = llama_arena_alloc(arena, TILE_ROWS * N, sizeof(*t->code));
	t->image = llama_arena_alloc(arena, TILE_ROWS * N, sizeof(*t->code));
	t->hi = llama_arena_alloc(arena, N, sizeof(*t->hi));
	t->lo = llama_arena_alloc(arena, N, sizeof(*t->lo));
	t->e = llama_arena_alloc(arena, LLAMA_KV_CHUNK, sizeof(*t->e));
	t->h = llama_arena_alloc(arena, TILE_ROWS, sizeof(*t->h));
	t->out = llama_arena_alloc(arena, 2 * N, sizeof(*t->out));
	llama_vector_tmp_alloc(&t->tmp, arena, N);
	llama_weights_tmp_alloc(&t->file, arena, N);
	llama_weights_row_alloc(&t->row, arena, N_TOKENS, N);
	llama_bfp_alloc(&t->x, arena, N_TOKENS, N);
	llama_bfp_alloc(&t->y, arena, 1, N_ODD);
	t->rest = *arena;
	llama_weights_alloc(&w, &blocks, arena);
	llama_weights_alloc(&w, &floats, arena);
	return w.g;
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

/* Return a signed number of at most @bits bits. */
static s64 number(struct test *t, u32 bits)
{
	return (s64)next(t) >> (63 - bits);
}

/* Make the inputs: vectors whose blocks differ in magnitude, weights, codes. */
static void make_up(struct test *t)
{
	u32 bits = 0;
	u32 i;

	t->random = SELFTEST_SEED;
	for (i = 0; i < N_TOKENS * N; i++) {
		if (i % BFP_BLOCK == 0)
			bits = 40 - next(t) % 16;
		t->v[i] = number(t, bits);
	}
	for (i = 0; i < N; i++)
		t->w[i] = number(t, 30);
	for (i = 0; i < TILE_ROWS * N; i++)
		t->code[i] = max_t(s64, number(t, 15), -S16_MAX);
	for (i = 0; i < LLAMA_KV_CHUNK; i++)
		t->e[i] = -8 - next(t) % 8;
	for (i = 0; i < TILE_ROWS; i++)
		t->h[i] = next(t) % (BFP_MAX_SHIFT + 1);
}

/* Fowler, Noll and Vo's hash, FNV-1a. */
static void note(struct test *t, const void *data, size_t size)
{
	const u8 *p = data;

	while (size--)
		t->hash = (t->hash ^ *p++) * 0x100000001b3;
}

static void note_number(struct test *t, s64 v)
{
	note(t, &v, sizeof(v));
}

static void note_vectors(struct test *t, const struct bfp *x, u32 n)
{
	u32 blocks = n * x->n_blocks;

	note(t, x->q, blocks * BFP_BLOCK * sizeof(*x->q));
	note(t, x->pair, blocks * BFP_BLOCK / 2 * sizeof(*x->pair));
	note(t, x->hi, blocks * BFP_BLOCK);
	note(t, x->lo, blocks * BFP_BLOCK);
	note(t, x->sum, 2 * blocks * sizeof(*x->sum));
	note(t, x->total, blocks * sizeof(*x->total));
	note(t, x->h, blocks);
	note(t, x->shift, blocks * sizeof(*x->shift));
	note(t, x->e, n * sizeof(*x->e));
}

static void quantize(struct test *t)
{
	u32 i;

	for (i = 0; i < N_TOKENS; i++)
		t->ops->quantize(&t->x, i, t->v + i * N, -32);
	note_vectors(t, &t->x, N_TOKENS);
}

static void quantize_into(struct test *t)
{
	note_number(t, t->ops->quantize_into(t->v, N_ODD, -7, t->hi, (u8 *)t->lo));
	note(t, t->hi, N_ODD * sizeof(*t->hi));
	note(t, t->lo, bfp_blocks(N_ODD));
}

static void quantize1(struct test *t)
{
	note_number(t, t->ops->quantize1(t->v, N_ODD, -7, t->hi));
	note(t, t->hi, N_ODD * sizeof(*t->hi));
}

static void normalize(struct test *t)
{
	note_number(t, t->ops->normalize(t->v, N_ODD, t->tmp.a));
	note(t, t->tmp.a, N_ODD * sizeof(*t->tmp.a));
}

/* Sums of tokens with small and large exponents, then those of a type without minima. */
static void finish(struct test *t)
{
	static const s32 e[N_SUMS] = { -33, -60, -20 };
	struct vector_sums s = {
		.a = t->v,
		.z = t->v + N,
		.e_a = t->e,
		.e_z = t->e + VECTOR_ROWS,
		.r = 4,
		.t = 6,
		.minus = true,
	};

	t->ops->finish(&s, N_SUMS, e, t->out, VECTOR_ROWS);
	note(t, t->out, N_SUMS * VECTOR_ROWS * sizeof(*t->out));
	s.z = NULL;
	t->ops->finish(&s, N_SUMS, e, t->out, VECTOR_ROWS);
	note(t, t->out, N_SUMS * VECTOR_ROWS * sizeof(*t->out));
}

/* Few and many tokens. Scales are made of the codes, so that no half is infinite. */
static void product(struct test *t)
{
	const struct gguf_tensor file = tensor(t->type);
	struct llama_arena arena = t->rest;
	struct weights w;
	u32 n, i;

	for (i = 0; i < TILE_ROWS * N; i++) {
		u16 half = t->code[i];

		if ((half & 0x7c00) == 0x7c00)
			half ^= 0x4000;
		memcpy(t->image + i * sizeof(half), &half, sizeof(half));
	}
	llama_weights_alloc(&w, &file, &arena);
	llama_weights_prepare(&w, &file, t->image, &t->file, NULL, NULL);
	for (i = 0; i < N_TOKENS; i++)
		t->x.e[i] -= 14;	/* so that the largest product is not clamped */
	for (n = 7; n <= N_TOKENS; n += N_TOKENS - 7) {
		llama_weights_mul(&w, 0, TILE_ROWS, &t->x, n, &t->row, t->out, TILE_ROWS);
		note(t, t->out, n * TILE_ROWS * sizeof(*t->out));
	}
	for (i = 0; i < N_TOKENS; i++)
		t->x.e[i] += 14;
}

/* Heads whose dimension is, and is not, a multiple of every number of lanes. */
static const struct head {
	u32 dim;
	u32 rows;
	u32 n;
} heads[] = { { DIM, N_QUERIES, LLAMA_KV_CHUNK }, { MAX_DIM, 6, 50 }, { 26, 5, 31 } };

/* Split @n codes from behind the chunk into two planes; weights are unsigned. */
static void planes(struct test *t, u32 n, s16 mask)
{
	u32 i;

	for (i = 0; i < n; i++) {
		s16 x = t->code[LLAMA_KV_CHUNK * MAX_DIM + i] & mask;

		t->hi[i] = x >> 8;
		t->lo[i] = x & 255;
	}
}

static void scores(struct test *t)
{
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(heads); i++) {
		const struct attention_scores s = {
			.k = t->code,
			.next = t->code,
			.dim = heads[i].dim,
			.hi = t->hi,
			.lo = t->lo,
			.n_rows = heads[i].rows,
			.n = heads[i].n,
			.dot = t->out,
		};

		planes(t, s.n_rows * s.dim, -1);
		t->path->scores(&s);
		for (j = 0; j < s.n_rows; j++)
			note(t, t->out + j * LLAMA_KV_CHUNK, s.n * sizeof(*t->out));
	}
}

static void values(struct test *t)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(heads); i++) {
		const struct attention_values s = {
			.v = t->code,
			.next = t->code,
			.dim = heads[i].dim,
			.hi = t->hi,
			.lo = t->lo,
			.h = t->h,
			.n_rows = heads[i].rows,
			.n_blocks = bfp_blocks(heads[i].n),
			.stride = LLAMA_KV_CHUNK,
			.sum = t->out,
		};
		size_t size = s.n_rows * s.dim * sizeof(*t->out);

		planes(t, s.n_rows * s.stride, S16_MAX);
		memcpy(t->out, t->v, size);
		t->path->values(&s);
		note(t, t->out, size);
	}
}

static void rmsnorm(struct test *t)
{
	const struct float_parts eps = { 10995116, -60 };

	t->ops->rmsnorm(&t->y, 0, t->v, t->w, -30, eps, &t->tmp);
	note_vectors(t, &t->y, 1);
}

static void swiglu(struct test *t)
{
	t->ops->swiglu(&t->y, 0, t->v + N, t->v, &t->tmp);
	note_vectors(t, &t->y, 1);
}

static void rotate(struct test *t)
{
	note_number(t, t->ops->rotate(t->v, DIM, DIM - 16, t->w, t->w + DIM, &t->tmp));
	note(t, t->tmp.wide, DIM * sizeof(*t->tmp.wide));
}

/* Add two vectors to @out, up to the limits. */
static void make_q32(struct test *t)
{
	u32 i;

	for (i = 0; i < 2 * N; i++)
		t->out[i] = t->v[i] * (1 << 20);
}

static void add(struct test *t)
{
	make_q32(t);
	t->ops->add(t->out, t->out + N, N_ODD);
	note(t, t->out, N_ODD * sizeof(*t->out));
}

static void to_q16(struct test *t)
{
	make_q32(t);
	t->ops->to_q16(t->out, N_ODD, t->tmp.a);
	note(t, t->tmp.a, N_ODD * sizeof(*t->tmp.a));
}

/* A whole chunk, then a part of a chunk whose scores are clamped. */
static void score(struct test *t)
{
	struct vector_top top = { -S32_MAX, S16_MIN };
	u32 n, i;

	for (i = 0; i < LLAMA_KV_CHUNK; i++)
		t->out[i] = t->w[i];
	for (n = LLAMA_KV_CHUNK; n > 32; n -= 14) {
		int e_q = n == LLAMA_KV_CHUNK ? -18 : -8;

		t->ops->score(t->out, t->e, t->e, e_q, n, t->tmp.a, &top);
		note(t, t->tmp.a, n * sizeof(*t->tmp.a));
		note_number(t, top.score);
		note_number(t, top.e_v);
	}
}

static void weigh(struct test *t)
{
	struct vector_top top = { S32_MIN, 0 };
	u32 n, i;

	for (i = 0; i < LLAMA_KV_CHUNK; i++) {
		t->tmp.a[i] = t->w[i] >> 6;
		top.score = max(top.score, t->tmp.a[i]);
	}
	for (n = LLAMA_KV_CHUNK; n > 32; n -= 13) {
		note_number(t, t->ops->weigh(t->tmp.a, t->e, n, &top, t->tmp.wide));
		note(t, t->tmp.wide, n * sizeof(*t->tmp.wide));
	}
}

/* Shifts to the right, too far to the right, and to the left. */
static void output(struct test *t)
{
	static const int e[] = { -41, -100, -30 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(e); i++) {
		t->ops->output(t->w, N_ODD, 0x2f3c5d71, e[i], t->out);
		note(t, t->out, N_ODD * sizeof(*t->out));
	}
}

static void most(struct test *t)
{
	note_number(t, t->ops->most(t->w, N_ODD));
}

static void mass(struct test *t)
{
	u32 i;

	for (i = 0; i < N_ODD; i++)
		t->tmp.a[i] = t->w[i] >> 9;
	note_number(t, t->ops->mass(t->tmp.a, N_ODD, 1 << 21));
}

static void split(struct test *t)
{
	t->ops->split(t->code, N_ODD, t->hi, t->lo);
	note(t, t->hi, N_ODD * sizeof(*t->hi));
	note(t, t->lo, N_ODD * sizeof(*t->lo));
}

#define STEP(name) { #name, name, 0, SELFTEST_##name }
#define PRODUCT(name, ...) { #name, product, GGML_TYPE_##name, SELFTEST_##name },

/* Products multiply the vectors of quantize(). */
static const struct step {
	const char *name;
	void (*run)(struct test *t);
	u32 type;
	u64 hash;
} steps[] = {
	STEP(quantize), STEP(quantize_into), STEP(quantize1), STEP(normalize), STEP(finish),
	LLAMA_BLOCK_TYPES(PRODUCT) PRODUCT(F16)
	STEP(scores), STEP(values), STEP(rmsnorm), STEP(swiglu), STEP(rotate), STEP(add),
	STEP(to_q16), STEP(score), STEP(weigh), STEP(output), STEP(most), STEP(mass), STEP(split),
};

static bool step_fails(struct test *t, const struct step *step)
{
	t->type = step->type;
	t->hash = 0xcbf29ce484222325;
	llama_path_begin(t->path);
	step->run(t);
	llama_path_end(t->path);
	return t->hash != step->hash;
}

const char *llama_selftest(const struct llama_path *path, struct llama_arena *arena)
{
	const struct llama_path *now = llama_path_current();
	struct test t = { .path = path, .ops = path->vector };
	const char *wrong = NULL;
	u32 i;

	if (!lay_out(&t, arena))
		return "nothing, for want of memory";
	make_up(&t);
	llama_path_use(path);
	for (i = 0; i < ARRAY_SIZE(steps) && !wrong; i++)
		if (step_fails(&t, &steps[i]))
			wrong = steps[i].name;
	llama_path_use(now);
	return wrong;
}

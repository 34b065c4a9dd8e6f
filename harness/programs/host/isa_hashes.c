// SPDX-License-Identifier: GPL-2.0
/*
 * Hashes of the results of an instruction set's path: products of every type in several shapes,
 * attention, and the logits of model files. The inputs follow from the code below, so that the
 * output of two machines must be the same.
 *
 *	isa_hashes PATH MODEL...	print the hashes
 *	isa_hashes			print the name of the path that the core selects here
 *
 * Output: a line "WHAT HASH" each. Exit codes: 0, 1 if something failed, 2 if this machine does
 * not have the path.
 */
#include <stdio.h>
#include <stdlib.h>

#include "file/generated/ggml_types.h"
#include "arithmetic/path.h"
#include "../../native/model.h"
#include "../shared/random.h"
#include "image.h"

void llamuxu_model_close(struct llamuxu_model *u);
void llamuxu_session_close(struct llamuxu_session *s);

struct llamuxu_weights;

int llamuxu_weights_open(u32 type, u32 n_in, u32 n_out, const u8 *raw, size_t size,
			 struct llamuxu_weights **result, struct llama_diag *diag);
void llamuxu_weights_close(struct llamuxu_weights *m);
int llamuxu_weights_mul(const struct llamuxu_weights *m, u32 row0, u32 n_rows, const s64 *v,
			const s32 *e, u32 n_tokens, s64 *y);

#define MAX_IN 1024
#define N_OUT 40	/* rows: two tiles and a half */
#define MAX_TOKENS 33
#define POSITIONS 70	/* more than a chunk of the cache */

static const struct type {
	const char *name;
	u32 type, elements, bytes;
	int scales[2];	/* offsets of half-precision numbers in a block, or -1 */
} types[] = {
	{ "F32", GGML_TYPE_F32, 1, 4, { -1, -1 } },
	{ "F16", GGML_TYPE_F16, 1, 2, { -1, -1 } },
	{ "BF16", GGML_TYPE_BF16, 1, 2, { -1, -1 } },
	{ "Q4_0", GGML_TYPE_Q4_0, GGML_BLOCK_Q4_0, GGML_BYTES_Q4_0, { 0, -1 } },
	{ "Q4_1", GGML_TYPE_Q4_1, GGML_BLOCK_Q4_1, GGML_BYTES_Q4_1, { 0, 2 } },
	{ "Q5_0", GGML_TYPE_Q5_0, GGML_BLOCK_Q5_0, GGML_BYTES_Q5_0, { 0, -1 } },
	{ "Q5_1", GGML_TYPE_Q5_1, GGML_BLOCK_Q5_1, GGML_BYTES_Q5_1, { 0, 2 } },
	{ "Q8_0", GGML_TYPE_Q8_0, GGML_BLOCK_Q8_0, GGML_BYTES_Q8_0, { 0, -1 } },
	{ "Q2_K", GGML_TYPE_Q2_K, GGML_BLOCK_Q2_K, GGML_BYTES_Q2_K, { 80, 82 } },
	{ "Q3_K", GGML_TYPE_Q3_K, GGML_BLOCK_Q3_K, GGML_BYTES_Q3_K, { 108, -1 } },
	{ "Q4_K", GGML_TYPE_Q4_K, GGML_BLOCK_Q4_K, GGML_BYTES_Q4_K, { 0, 2 } },
	{ "Q5_K", GGML_TYPE_Q5_K, GGML_BLOCK_Q5_K, GGML_BYTES_Q5_K, { 0, 2 } },
	{ "Q6_K", GGML_TYPE_Q6_K, GGML_BLOCK_Q6_K, GGML_BYTES_Q6_K, { 208, -1 } },
};

static uint64_t state;	/* of the random numbers */

/* Return the FNV-1a hash of some bytes. */
static u64 hash(const void *data, size_t size)
{
	const u8 *p = data;
	u64 h = 0xcbf29ce484222325;

	while (size--)
		h = (h ^ *p++) * 0x100000001b3;
	return h;
}

static void fail(const char *what)
{
	fprintf(stderr, "%s failed\n", what);
	exit(1);
}

/* Make random rows; if @extreme, with all bits clear, all set, or signs. Return: bytes. */
static size_t make_rows(const struct type *t, u32 n_in, bool extreme, u8 *raw)
{
	static const u8 fill[] = { 0x00, 0xff, 0x80, 0x7f };
	u32 blocks = n_in / t->elements, row, b, i;
	u8 *p = raw;

	for (row = 0; row < N_OUT; row++)
		for (b = 0; b < blocks; b++, p += t->bytes) {
			for (i = 0; i < t->bytes; i++)
				p[i] = extreme ? fill[row % 4] : random_bits(&state);
			if (t->elements == 1)
				p[t->bytes - 1] &= 0xbf;	/* a finite number */
			for (i = 0; i < 2 && t->scales[i] >= 0; i++) {
				u16 half = extreme ? 0x7bff : random_bits(&state) & 0xbfff;

				memcpy(p + t->scales[i], &half, sizeof(half));
			}
		}
	return p - raw;
}

/* Make vectors whose blocks have all shifts; every third one has the largest codes. */
static void make_vectors(u32 n_in, s64 *v)
{
	u32 t, i;

	for (t = 0; t < MAX_TOKENS; t++)
		for (i = 0; i < n_in; i++, v++) {
			u64 bits = random_bits(&state);
			s64 m = t % 3 == 1 ? (1LL << 62) - 1 : bits >> 2 >> (i / 32 % 11);

			*v = (t % 6 == 1 ? 0 : bits & 1) ? -m : m;
		}
}

/* Print the hashes of products with rows of a type. */
static void products(const struct type *t, u32 n_in, bool extreme)
{
	static const u32 batches[] = { 1, 2, 3, 4, 5, 8, MAX_TOKENS };
	static u8 raw[N_OUT * MAX_IN * 4];
	static s64 v[MAX_TOKENS * MAX_IN], y[MAX_TOKENS * N_OUT];
	static s32 e[MAX_TOKENS];
	struct llamuxu_weights *m;
	struct llama_diag diag;
	u32 i;

	state = n_in + t->type;
	if (llamuxu_weights_open(t->type, n_in, N_OUT, raw, make_rows(t, n_in, extreme, raw), &m,
				 &diag))
		fail(t->name);
	make_vectors(n_in, v);
	for (i = 0; i < MAX_TOKENS; i++)
		e[i] = -62 - (int)(i % 5) * 20;
	for (i = 0; i < ARRAY_SIZE(batches); i++) {
		size_t size = sizeof(*y) * batches[i] * N_OUT;

		memset(y, 0, sizeof(y));
		if (llamuxu_weights_mul(m, 0, N_OUT, v, e, batches[i], y))
			fail(t->name);
		printf("%s,%u,%u,%d %016llx\n", t->name, n_in, batches[i], extreme,
		       (unsigned long long)hash(y, size));
	}
	llamuxu_weights_close(m);
}

/* Print the hash of attention scores and values of some heads. */
static void attention(const struct llama_path *isa, u32 dim, u32 n_rows, bool extreme)
{
	enum { ROWS = 9, DIM = 256, K = LLAMA_KV_CHUNK };
	static s16 k[K * DIM], v[K * DIM], hi[ROWS * DIM], lo[ROWS * DIM];
	static s64 dot[ROWS * K], sum[ROWS * DIM];
	static u8 h[ROWS * 2];
	u32 i, j;

	state = dim + n_rows;
	for (i = 0; i < K * DIM; i++) {
		k[i] = extreme ? (i % 3 ? 32767 : -32767) : (s16)random_bits(&state);
		v[i] = extreme ? 32767 : (s16)random_bits(&state);
	}
	for (i = 0; i < ROWS * DIM; i++) {
		hi[i] = extreme ? (i % 3 ? 127 : -128) : (s8)random_bits(&state);
		lo[i] = extreme ? 255 : random_bits(&state) & 255;
	}
	for (i = 0; i < ROWS * 2; i++)
		h[i] = random_bits(&state) % 9;
	memset(dot, 0, sizeof(dot));
	for (i = 0; i < ROWS * DIM; i++)
		sum[i] = i;
	isa->scores(&(struct attention_scores){
		.k = k, .dim = dim, .hi = hi, .lo = lo, .n_rows = n_rows, .n = 50, .dot = dot });
	isa->values(&(struct attention_values){
		.v = v, .dim = dim, .hi = hi, .lo = lo, .h = h, .n_rows = n_rows, .n_blocks = 2,
		.stride = K, .sum = sum });
	for (i = 0; i < n_rows; i++)
		for (j = 50; j < K; j++)
			dot[i * K + j] = 0;
	printf("heads,%u,%u,%d %016llx\n", dim, n_rows, extreme,
	       (unsigned long long)(hash(dot, sizeof(dot)) ^ hash(sum, sizeof(sum)) * 3));
}

/* Print the hash of the logits of a model. */
static void logits(const char *path)
{
	u32 tokens[POSITIONS];
	struct llamuxu_session *s;
	struct llamuxu_model *m;
	struct llama_diag diag = { "" };
	u64 facts[6], h = 0;
	void *image;
	size_t size;
	u32 i, n;
	q16 *out;
	int err;

	image = image_read(path, &size);
	m = llamuxu_model_open(image, size, &err, &diag);
	if (!m)
		fail(diag.text);
	llamuxu_model_facts(m, facts);
	for (i = 0; i < POSITIONS; i++)
		tokens[i] = i * 37 % facts[0];
	out = calloc(POSITIONS * facts[0], sizeof(*out));
	s = llamuxu_session_open(m, POSITIONS, 64, 1);
	if (!s || !out)
		fail("session");
	for (i = 0; i < POSITIONS; i += n) {
		n = i < 3 ? 1 : i < 20 ? 13 : POSITIONS - i;
		if (llamuxu_forward(s, tokens + i, n, i, out, n))
			fail("forward");
		h = h * 5 + hash(out, n * facts[0] * sizeof(*out));
	}
	printf("%s %016llx\n", strrchr(path, '/') + 1, (unsigned long long)h);
	llamuxu_session_close(s);
	llamuxu_model_close(m);
	free(image);
	free(out);
}

int main(int argc, char **argv)
{
	static const u32 sizes[] = { 256, 768 };
	static const u32 dims[] = { 20, 24, 64, 256 };
	u32 j, k;

	if (llama_path_select(argc > 1 ? argv[1] : NULL)) {
		fprintf(stderr, "this machine does not have the path %s\n", argv[1]);
		return 2;
	}
	if (argc == 1) {
		puts(llama_path_current()->name);
		return 0;
	}
	for (j = 0; j < ARRAY_SIZE(types); j++)
		for (k = 0; k < 2 * ARRAY_SIZE(sizes); k++)
			products(&types[j], sizes[k / 2], k % 2);
	for (j = 0; j < ARRAY_SIZE(dims); j++)
		for (k = 1; k < 19; k++)
			attention(llama_path_current(), dims[j], k / 2 + k % 2, k % 2);
	for (j = 2; j < (u32)argc; j++)
		logits(argv[j]);
	return 0;
}

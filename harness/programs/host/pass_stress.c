// SPDX-License-Identifier: GPL-2.0
/*
 * Stress of several teams that evaluate one model at the same time, for a thread sanitizer. Some
 * passes are stopped and made again; all logits must equal those of one worker.
 *
 *	pass_stress <<<"SECONDS PATH"
 *
 * Output: the number of passes and of stops. Exit codes: 0, 1 if the file PATH cannot be read, or
 * SIGABRT if something is wrong.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "image.h"
#include "../../native/threads.h"

#define N_CALLERS 3
#define N_TOKENS 70	/* more than a chunk of the KV cache */
#define N_BATCH 40
#define MAX_TEAM 4

static struct llama_model model;
static time_t end;

/**
 * struct caller - A thread that evaluates the model.
 * @thread:      The thread.
 * @random:      State of its random numbers.
 * @yields_left: Yields until the pass is stopped.
 * @passes:      Number of complete passes.
 * @stops:       Number of stopped passes.
 * @tokens:      Tokens to evaluate.
 * @want:        (N_TOKENS, n_vocab) logits of one worker.
 * @got:         (N_TOKENS, n_vocab) logits of a team.
 * @scratch:     Memory of a pass.
 * @kv:          KV cache.
 * @chunks:      Chunks of the cache.
 * @memory:      Memory behind @scratch.
 */
struct caller {
	pthread_t thread;
	u32 random;
	u32 yields_left;
	u64 passes, stops;
	u32 tokens[N_TOKENS];
	q16 *want, *got;
	struct llama_scratch scratch;
	struct llama_kv kv;
	void *chunks[2];
	void *memory;
};

/* Return aligned memory. */
static void *take(size_t size)
{
	void *p = llamuxu_alloc(size);

	if (!p)
		abort();
	return p;
}

/* Abort unless @ok. */
static void must(bool ok)
{
	if (!ok)
		abort();
}

static u32 next_random(struct caller *c)
{
	c->random = c->random * 1664525 + 1013904223;
	return c->random >> 8;
}

/* Stop a pass when no yields are left. */
static int stop(void *arg)
{
	struct caller *c = arg;

	return --c->yields_left ? 0 : -EINTR;
}

/* Evaluate @n tokens from position @pos on, again after each stop. */
static void pass(struct caller *c, u32 pos, u32 n, q16 *logits)
{
	struct llama_yield yield = { .fn = stop, .arg = c };
	int err;

	do {
		c->yields_left = next_random(c) % 3 ? U32_MAX : 1 + next_random(c) % 40;
		err = llama_forward(&model, &c->scratch, &c->kv, c->tokens + pos, n, pos, logits, n,
				    &yield);
		c->stops += err == -EINTR;
	} while (err == -EINTR);
	must(!err);
	c->passes++;
}

/* Evaluate all tokens in batches of up to @most. */
static void evaluate(struct caller *c, q16 *logits, u32 most)
{
	u32 pos, n;

	for (pos = 0; pos < N_TOKENS; pos += n) {
		n = min(1 + next_random(c) % most, N_TOKENS - pos);
		pass(c, pos, n, logits + (size_t)pos * model.n_vocab);
	}
}

/* Take memory, choose tokens, and compute their logits with one worker. */
static void begin(struct caller *c)
{
	size_t logits = (size_t)N_TOKENS * model.n_vocab * sizeof(q16);
	struct llama_arena arena = { 0 };
	u32 i;

	arena.size = llama_scratch_size(&model, N_TOKENS, N_BATCH, MAX_TEAM);
	arena.base = take(arena.size);
	c->memory = arena.base;
	must(!llama_scratch_init(&c->scratch, &model, N_TOKENS, N_BATCH, MAX_TEAM, &arena));
	c->kv.n_chunks = ARRAY_SIZE(c->chunks);
	c->kv.chunks = c->chunks;
	for (i = 0; i < c->kv.n_chunks; i++)
		c->chunks[i] = take(llama_kv_chunk_size(&model));
	c->want = take(logits);
	c->got = take(logits);
	for (i = 0; i < N_TOKENS; i++)
		c->tokens[i] = next_random(c) % model.n_vocab;
	evaluate(c, c->want, 1);
}

/* Evaluate with one team after the other until the end. */
static void *call(void *arg)
{
	struct caller *c = arg;
	struct llama_team *team;
	u32 i;

	begin(c);
	while (time(NULL) < end) {
		team = llamuxu_team_open(1 + next_random(c) % MAX_TEAM);
		must(team);
		c->scratch.team = team;
		memset(c->got, 0, (size_t)N_TOKENS * model.n_vocab * sizeof(q16));
		evaluate(c, c->got, next_random(c) % 2 ? 3 : N_BATCH);
		must(!memcmp(c->want, c->got, (size_t)N_TOKENS * model.n_vocab * sizeof(q16)));
		llamuxu_team_close(team);
	}
	for (i = 0; i < c->kv.n_chunks; i++)
		free(c->chunks[i]);
	free(c->memory);
	free(c->want);
	free(c->got);
	return NULL;
}

/* Make the model of a file's content. */
static void load(void *image, size_t size, struct llama_arena *arena)
{
	struct gguf g;
	size_t need;
	void *index;

	must(!llama_gguf_index_size(image, size, &need, NULL));
	index = take(need);
	must(!llama_gguf_parse(&g, image, size, index, need, NULL));
	must(!llama_model_size(&g, &need, NULL));
	arena->size = need;
	arena->base = take(need);
	must(!llama_model_init(&model, &g, image, arena, NULL, NULL));
	free(index);
}

int main(void)
{
	static struct caller callers[N_CALLERS];
	struct llama_arena arena = { 0 };
	u64 passes = 0, stops = 0;
	char path[4096];
	u32 i, seconds;
	size_t size;
	void *image;

	must(scanf("%u %4095[^\n]", &seconds, path) == 2);
	image = image_read(path, &size);
	load(image, size, &arena);
	must(model.n_ctx_train >= N_TOKENS);
	end = time(NULL) + seconds;
	for (i = 0; i < N_CALLERS; i++) {
		callers[i].random = i + 1;
		must(!pthread_create(&callers[i].thread, NULL, call, &callers[i]));
	}
	for (i = 0; i < N_CALLERS; i++) {
		pthread_join(callers[i].thread, NULL);
		passes += callers[i].passes;
		stops += callers[i].stops;
	}
	printf("%llu %llu\n", (unsigned long long)passes, (unsigned long long)stops);
	free(arena.base);
	free(image);
	return 0;
}

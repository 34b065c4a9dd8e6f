// SPDX-License-Identifier: GPL-2.0
/* A model file opened for computing, and evaluations of it: harness/core/session.py. */
#include <stdlib.h>
#include <sys/mman.h>

#include "llama_core.h"
#include "model.h"
#include "threads.h"

struct llamuxu_model {
	struct gguf g;
	void *index;
	void *arena;
	u64 arena_bytes;
	struct llama_model m;
};

struct llamuxu_session {
	const struct llama_model *m;
	void *memory;
	struct llama_kv kv;
	void *cache;	/* its chunks, contiguous; pages are allocated on write */
	size_t cache_size;
	struct llama_generation gen;
	struct llama_team *team;
};

static void *alloc(size_t size)
{
	void *p = NULL;

	return posix_memalign(&p, LLAMA_ALIGN, size ? size : 1) ? NULL : p;
}

void llamuxu_model_close(struct llamuxu_model *u)
{
	free(u->index);
	free(u->arena);
	free(u);
}

struct llamuxu_model *llamuxu_model_open(u8 *image, u64 size, int *err, struct llama_diag *diag)
{
	struct llamuxu_model *u = calloc(1, sizeof(*u));
	struct llama_arena arena = { 0 };
	size_t need;

	*err = -ENOMEM;
	if (!u)
		return NULL;
	*err = llama_gguf_index_size(image, size, &need, diag);
	if (!*err) {
		u->index = alloc(need);
		*err = u->index ? llama_gguf_parse(&u->g, image, size, u->index, need, diag) :
				  -ENOMEM;
	}
	if (!*err)
		*err = llama_model_size(&u->g, &need, diag);
	if (!*err) {
		arena.size = u->arena_bytes = need;
		arena.base = u->arena = alloc(need);
		*err = u->arena ? llama_model_init(&u->m, &u->g, image, &arena, NULL, diag) :
				  -ENOMEM;
	}
	if (!*err)
		return u;
	llamuxu_model_close(u);
	return NULL;
}

void llamuxu_model_facts(const struct llamuxu_model *u, u64 facts[6])
{
	facts[0] = u->m.n_vocab;
	facts[1] = u->m.n_ctx_train;
	facts[2] = u->m.n_layer;
	facts[3] = u->m.n_embd;
	facts[4] = u->arena_bytes;
	facts[5] = llama_kv_chunk_size(&u->m);
}

void llamuxu_session_close(struct llamuxu_session *s)
{
	llamuxu_team_close(s->team);
	if (s->cache)
		munmap(s->cache, s->cache_size);
	free(s->kv.chunks);
	free(s->memory);
	free(s);
}

/* Allocate a KV cache of @n_ctx positions, in huge pages if the system has them. */
static int open_cache(struct llamuxu_session *s, u32 n_ctx)
{
	size_t chunk = llama_kv_chunk_size(s->m);
	void *memory;
	u32 i;

	s->kv.n_chunks = llama_kv_chunks(n_ctx);
	s->kv.chunks = calloc(s->kv.n_chunks, sizeof(*s->kv.chunks));
	s->cache_size = s->kv.n_chunks * chunk;
	memory = mmap(NULL, s->cache_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -ENOMEM;
	s->cache = memory;
	madvise(memory, s->cache_size, MADV_HUGEPAGE);
	for (i = 0; s->kv.chunks && i < s->kv.n_chunks; i++)
		s->kv.chunks[i] = (u8 *)memory + i * chunk;
	return s->kv.chunks ? 0 : -ENOMEM;
}

struct llamuxu_session *llamuxu_session_open(const struct llamuxu_model *u, u32 n_ctx, u32 n_batch,
					     u32 n_threads)
{
	struct llamuxu_session *s = calloc(1, sizeof(*s));
	struct llama_arena arena = { 0 };

	if (!s)
		return NULL;
	s->m = &u->m;
	s->team = llamuxu_team_open(n_threads);
	arena.size = llama_generation_size(&u->m, n_ctx, n_batch, n_threads);
	arena.base = s->memory = alloc(arena.size);
	if (s->team && s->memory && !open_cache(s, n_ctx) &&
	    !llama_generation_init(&s->gen, &u->m, n_ctx, n_batch, n_threads, &arena)) {
		s->gen.scratch.team = s->team;
		return s;
	}
	llamuxu_session_close(s);
	return NULL;
}

/* See llama_forward(). */
int llamuxu_forward(struct llamuxu_session *s, const u32 *tokens, u32 n_tokens, u32 pos,
		    q16 *logits, u32 n_logits)
{
	/* Positions from here on no longer belong to the latest answer. */
	s->gen.n_past = min(s->gen.n_past, pos);
	return llama_forward(s->m, &s->gen.scratch, &s->kv, tokens, n_tokens, pos, logits, n_logits,
			     NULL);
}

/* Options of an answer, from Python. @system is NULL for the file's own. */
struct llamuxu_options {
	struct llama_sampler_params sampler;
	u32 max_tokens;
	s32 chat;
	u32 speculate;
	u32 n_system;
	const char *system;
	struct llama_stops stops;
};

static struct llama_options options(const struct llamuxu_options *u)
{
	return (struct llama_options){
		.sampler = u->sampler,
		.max_tokens = u->max_tokens,
		.chat = u->chat,
		.speculate = u->speculate,
		.system = { u->system, u->n_system },
		.stops = u->stops,
	};
}

/* See llama_generation_prompt(). */
int llamuxu_prompt(struct llamuxu_session *s, const struct llamuxu_options *u, const char *text,
		   u32 n_text, struct llama_diag *diag)
{
	struct llama_options o = options(u);
	struct gguf_str prompt = { text, n_text };
	void *tmp = alloc(llama_prompt_scratch(s->m, &o, prompt));
	int err = tmp ? llama_generation_prompt(&s->gen, &o, prompt, tmp, NULL, diag) : -ENOMEM;

	free(tmp);
	return err;
}

/* See llama_generation_turn(). */
int llamuxu_turn(struct llamuxu_session *s, const struct llamuxu_options *u, const char *texts,
		 size_t n_texts, size_t at, struct llama_diag *diag)
{
	struct llama_options o = options(u);
	void *tmp = alloc(llama_turn_scratch(&s->gen, &o, texts, n_texts));
	int err = tmp ? llama_generation_turn(&s->gen, &o, texts, n_texts, at, tmp, NULL, diag) :
			-ENOMEM;

	free(tmp);
	return err;
}

/* Copy the tokens of prompt and answer. Return: their number. */
u32 llamuxu_tokens(const struct llamuxu_session *s, u32 *tokens)
{
	memcpy(tokens, s->gen.tokens, s->gen.n_tokens * sizeof(*tokens));
	return s->gen.n_tokens;
}

/* Set @out to the number of sampled tokens and the sums of log-probabilities and margins. */
void llamuxu_confidence(const struct llamuxu_session *s, s64 sums[3])
{
	sums[0] = s->gen.confidence.n;
	sums[1] = s->gen.confidence.log_prob;
	sums[2] = s->gen.confidence.margin;
}

/* Drop the cache: the next prompt is evaluated as a whole. */
void llamuxu_forget(struct llamuxu_session *s)
{
	s->gen.n_past = 0;
}

/* Set numbers of tokens: prompt, reused, answer, drafted, accepted. */
void llamuxu_counts(const struct llamuxu_session *s, u32 counts[5])
{
	counts[0] = s->gen.n_prompt;
	counts[1] = s->gen.n_reused;
	counts[2] = s->gen.n_tokens - s->gen.n_prompt;
	counts[3] = s->gen.n_drafted;
	counts[4] = s->gen.n_accepted;
}

size_t llamuxu_out_size(const struct llamuxu_session *s)
{
	return llama_generation_out(s->m);
}

/* See llama_generation_step(); *@done tells whether the answer is complete. */
long llamuxu_step(struct llamuxu_session *s, char *out, int *done)
{
	long n = llama_generation_step(&s->gen, &s->kv, out, NULL);

	*done = s->gen.done;
	return n;
}

/* See llama_score_init(); for the latest prompt. */
int llamuxu_score_init(struct llamuxu_session *s, struct llama_score *score)
{
	return llama_score_init(score, &s->gen);
}

/* See llama_score_begin(). */
int llamuxu_score_begin(struct llamuxu_session *s, struct llama_score *score, const char *text,
			u32 n, int end, struct llama_diag *diag)
{
	void *tmp = alloc(llama_score_scratch(&s->gen, n));
	int err = tmp ? llama_score_begin(score, (struct gguf_str){ text, n }, end, tmp, NULL, diag) :
			-ENOMEM;

	free(tmp);
	return err;
}

/* See llama_score_step(). */
int llamuxu_score_step(struct llamuxu_session *s, struct llama_score *score,
		       const struct llama_yield *yield)
{
	return llama_score_step(score, &s->kv, yield);
}

// SPDX-License-Identifier: GPL-2.0
#include <linux/slab.h>

#include "computation.h"
#include "resources/log.h"
#include "models/registry.h"
#include "resources/threads.h"

#define BATCH 32	/* tokens of a prompt in a step */

void llamux_computation_init(struct llamux_computation *comp, struct llamux_user *user,
			     bool dialogue)
{
	memset(comp, 0, sizeof(*comp));
	mutex_init(&comp->lock);
	comp->user = user;
	comp->dialogue = dialogue;
}

void llamux_computation_free(struct llamux_computation *comp)
{
	llamux_cache_free(&comp->cache);
	llamux_memory_wipe(&comp->memory);
	memzero_explicit(&comp->gen, sizeof(comp->gen));
	llamux_text_free(&comp->history);
	llamux_options_put(comp->opening);
	comp->opening = NULL;
	llamux_registry_put(comp->model);
	comp->model = NULL;
}

ktime_t llamux_computation_started(const struct llamux_computation *comp)
{
	return READ_ONCE(comp->started);
}

static int alloc_generation(struct llamux_computation *comp, const char *name)
{
	struct llama_arena arena = { };
	const struct llama_model *m;
	size_t size;
	u32 n_ctx;
	int err;

	comp->model = llamux_registry_get(name);
	if (!comp->model)
		return -ENOENT;
	m = &comp->model->m;
	n_ctx = comp->model->n_ctx;
	err = llamux_cache_init(&comp->cache, m, n_ctx, comp->user, false);
	if (err)
		return err;
	size = llama_generation_size(m, n_ctx, BATCH, llamux_threads_max());
	err = llamux_memory_alloc(&comp->memory, size + llama_generation_out(m));
	if (err)
		return err;
	arena.base = comp->memory.data;
	arena.size = size;
	comp->out = comp->memory.data + size;
	return llama_generation_init(&comp->gen, m, n_ctx, BATCH, llamux_threads_max(), &arena);
}

/* Begin a new generation with the prefix that prompts share. */
static int use_prefix(struct llamux_computation *comp, const struct llama_yield *yield)
{
	struct llamux_prefix *prefix = &comp->model->prefix;
	ktime_t start = ktime_get();
	u32 evaluated = 0;
	int err = llamux_cache_reserve(&comp->cache, prefix->n);

	if (err)
		return err;
	comp->gen.scratch.team = llamux_threads_acquire();
	err = llamux_prefix_use(prefix, &comp->gen, &comp->cache, yield, &evaluated);
	llamux_threads_release(comp->gen.scratch.team);
	if (evaluated) {
		llamux_figures_count(LLAMUX_PROMPT_TOKENS, evaluated);
		llamux_figures_count(LLAMUX_PREFILL_US, ktime_us_delta(ktime_get(), start));
	}
	return err;
}

/* Allocate a generation, unless a dialogue has one. */
static int prepare(struct llamux_computation *comp, const struct llamux_options *o,
		   const struct llama_yield *yield)
{
	int err;

	if (comp->model)
		return 0;
	err = alloc_generation(comp, o->model);
	if (!err && o->o.chat == LLAMA_TEMPLATE_AUTO && !o->o.system.data)
		err = use_prefix(comp, yield);
	return err;
}

/* Take a prompt that stands for itself. */
static int begin_prompt(struct llamux_computation *comp, const struct llama_options *o,
			struct gguf_str prompt, const struct llama_yield *yield,
			struct llama_diag *diag)
{
	struct llamux_memory tmp;
	int err = llamux_memory_alloc(&tmp, llama_prompt_scratch(&comp->model->m, o, prompt));

	if (err)
		return err;
	err = llama_generation_prompt(&comp->gen, o, prompt, tmp.data, yield, diag);
	llamux_memory_wipe(&tmp);
	return err;
}

/* Drop the history of turns that the context had no room for. */
static void trim_history(struct llamux_computation *comp)
{
	size_t first = comp->gen.turns[0].text;
	u32 i;

	if (first < comp->history.n / 2)
		return;
	llamux_text_drop(&comp->history, first);
	for (i = 0; i < comp->gen.n_turns; i++)
		comp->gen.turns[i].text -= first;
}

/* Take the last @n bytes of the history as a dialogue's next turn. */
static int begin_last_turn(struct llamux_computation *comp, const struct llama_options *o,
			   size_t n, const struct llama_yield *yield, struct llama_diag *diag)
{
	const struct llamux_text *h = &comp->history;
	struct llamux_memory tmp;
	size_t size = llama_turn_scratch(&comp->gen, o, h->memory.data, h->n);
	int err = llamux_memory_alloc(&tmp, size);

	if (err)
		return err;
	err = llama_generation_turn(&comp->gen, o, h->memory.data, h->n, h->n - n, tmp.data, yield,
				    diag);
	llamux_memory_wipe(&tmp);
	return err;
}

/* Take a prompt as a dialogue's next turn. */
static int begin_turn(struct llamux_computation *comp, const struct llama_options *o,
		      struct gguf_str prompt, const struct llama_yield *yield,
		      struct llama_diag *diag)
{
	struct llamux_text *h = &comp->history;
	int err;

	if (prompt.len > U32_MAX - h->n)
		return -EMSGSIZE;
	err = llamux_text_reserve(h, prompt.len);
	if (err)
		return err;
	llamux_text_add(h, prompt.data, prompt.len);
	err = begin_last_turn(comp, o, prompt.len, yield, diag);
	if (err)
		h->n -= prompt.len;
	else
		trim_history(comp);
	return err;
}

/* Options of the answer: a dialogue keeps chat template and system prompt of its first turn. */
static struct llama_options answer_options(const struct llamux_computation *comp,
					   const struct llamux_options *o)
{
	struct llama_options answer = o->o;

	if (comp->opening) {
		answer.chat = comp->opening->o.chat;
		answer.system = comp->opening->o.system;
	}
	return answer;
}

static int begin_with(struct llamux_computation *comp, const struct llamux_options *o,
		      struct gguf_str prompt, const struct llama_yield *yield,
		      struct llama_diag *diag)
{
	struct llama_options answer = answer_options(comp, o);
	int err = prepare(comp, o, yield);

	if (err)
		return err;
	return comp->dialogue ? begin_turn(comp, &answer, prompt, yield, diag) :
				begin_prompt(comp, &answer, prompt, yield, diag);
}

int llamux_computation_begin(struct llamux_computation *comp, const struct llamux_options *o,
			     struct gguf_str prompt, struct llamux_figures *f,
			     const struct llama_yield *yield)
{
	struct llama_diag diag = { };
	int err;

	lockdep_assert_held(&comp->lock);
	WRITE_ONCE(comp->started, ktime_get());
	err = begin_with(comp, o, prompt, yield, &diag);
	if (!err && comp->dialogue && !comp->opening)
		comp->opening = llamux_options_get(o);
	if (err && !comp->gen.n_turns)
		llamux_computation_free(comp);
	if (err && diag.text[0])
		pr_info_ratelimited("%s\n", diag.text);
	if (err)
		return err;
	f->prompt_tokens = comp->gen.n_prompt;
	f->reused = comp->gen.n_reused;
	llamux_figures_count(LLAMUX_REUSED, comp->gen.n_reused);
	return 0;
}

size_t llamux_computation_out_size(const struct llamux_computation *comp)
{
	lockdep_assert_held(&comp->lock);
	return llama_generation_out(&comp->model->m);
}

/* Count a step that began at @start with @past positions and @tokens, and wrote @n bytes. */
static void count(const struct llamux_computation *comp, struct llamux_figures *f, u32 past,
		  u32 tokens, size_t n, ktime_t start)
{
	const struct llama_generation *g = &comp->gen;
	ktime_t now = ktime_get();
	u64 us = ktime_us_delta(now, start);

	if (past < g->n_prompt) {
		f->prefill_us += us;
		llamux_figures_count(LLAMUX_PREFILL_US, us);
		llamux_figures_count(LLAMUX_PROMPT_TOKENS, g->n_past - past);
	} else {
		f->decode_us += us;
		llamux_figures_count(LLAMUX_DECODE_US, us);
	}
	llamux_figures_count(LLAMUX_TOKENS, g->n_tokens - tokens);
	llamux_figures_count(LLAMUX_DRAFTED, g->n_drafted - f->drafted);
	llamux_figures_count(LLAMUX_ACCEPTED, g->n_accepted - f->accepted);
	if (n && !f->ttft_us)
		f->ttft_us = ktime_us_delta(now, comp->started);
	f->tokens = g->n_tokens - g->n_prompt;
	f->drafted = g->n_drafted;
	f->accepted = g->n_accepted;
	f->sampled = g->confidence.n;
	f->log_prob = g->confidence.log_prob;
	f->margin = g->confidence.margin;
}

long llamux_computation_step(struct llamux_computation *comp, const char **text,
			     struct llamux_figures *f, const struct llama_yield *yield)
{
	u32 past = comp->gen.n_past, tokens = comp->gen.n_tokens;
	ktime_t start = ktime_get();
	long n;

	lockdep_assert_held(&comp->lock);
	n = llamux_cache_reserve(&comp->cache, llama_generation_positions(&comp->gen));
	if (n)
		return n;
	comp->gen.scratch.team = llamux_threads_acquire();
	n = llama_generation_step(&comp->gen, &comp->cache.kv, comp->out, yield);
	llamux_threads_release(comp->gen.scratch.team);
	if (n < 0)
		llamux_figures_count(LLAMUX_INTERRUPTED, 1);
	else
		count(comp, f, past, tokens, n, start);
	*text = comp->out;
	return n;
}

bool llamux_computation_is_done(const struct llamux_computation *comp)
{
	lockdep_assert_held(&comp->lock);
	return comp->gen.done;
}

void llamux_computation_finish(struct llamux_computation *comp)
{
	lockdep_assert_held(&comp->lock);
	llamux_figures_count(LLAMUX_ANSWERS, 1);
	if (!comp->dialogue)
		llamux_computation_free(comp);
}

int llamux_computation_score_begin(struct llamux_computation *comp, struct llama_score *s,
				   struct gguf_str text, bool end, const struct llama_yield *yield)
{
	struct llama_diag diag = { };
	struct llamux_memory tmp;
	int err = s->g ? 0 : llama_score_init(s, &comp->gen);

	lockdep_assert_held(&comp->lock);
	if (!err)
		err = llamux_memory_alloc(&tmp, llama_score_scratch(&comp->gen, text.len));
	if (err)
		return err;
	err = llama_score_begin(s, text, end, tmp.data, yield, &diag);
	llamux_memory_wipe(&tmp);
	if (diag.text[0])
		pr_info_ratelimited("%s\n", diag.text);
	return err;
}

int llamux_computation_score_step(struct llamux_computation *comp, struct llama_score *s,
				  const struct llama_yield *yield)
{
	u32 n = llama_score_batch(s);
	ktime_t start = ktime_get();
	int err;

	lockdep_assert_held(&comp->lock);
	err = llamux_cache_reserve(&comp->cache, llama_score_positions(s));
	if (err)
		return err;
	comp->gen.scratch.team = llamux_threads_acquire();
	err = llama_score_step(s, &comp->cache.kv, yield);
	llamux_threads_release(comp->gen.scratch.team);
	if (err) {
		llamux_figures_count(LLAMUX_INTERRUPTED, 1);
		return err;
	}
	llamux_figures_count(LLAMUX_PROMPT_TOKENS, n);
	llamux_figures_count(LLAMUX_PREFILL_US, ktime_us_delta(ktime_get(), start));
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
#include <linux/ktime.h>
#include <linux/slab.h>

#include "conversation.h"
#include "log.h"
#include "registry.h"
#include "threads.h"

#define BATCH 32	/* tokens of a prompt's pass */

/* Lock held. What only an answer in the making needs. */
static void free_generation(struct llamux_conversation *c)
{
	u32 i;

	for (i = 0; i < c->kv.n_chunks; i++) {
		if (c->chunks[i].data)
			llamux_user_return(c->user, LLAMUX_CACHE, LLAMA_KV_CHUNK);
		llamux_memory_wipe(&c->chunks[i]);
	}
	kvfree(c->chunks);
	kvfree(c->kv.chunks);
	c->chunks = NULL;
	memset(&c->kv, 0, sizeof(c->kv));
	llamux_memory_wipe(&c->memory);
	memzero_explicit(&c->gen, sizeof(c->gen));
	llamux_text_free(&c->said);
	kfree_sensitive(c->opening);
	c->opening = NULL;
	llamux_registry_put(c->model);
	c->model = NULL;
}

struct llamux_conversation *llamux_conversation_new(enum llamux_kind kind,
						    struct llamux_user *user)
{
	struct llamux_conversation *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return NULL;
	mutex_init(&c->lock);
	mutex_init(&c->answer_lock);
	mutex_init(&c->options_lock);
	init_waitqueue_head(&c->wait);
	llamux_options_default(&c->options);
	llamux_maker_init(c);
	c->kind = kind;
	c->user = user;
	return c;
}

void llamux_conversation_free(struct llamux_conversation *c)
{
	llamux_maker_free(c);
	llamux_conversation_forget(c);
	kfree_sensitive(c);
}

void llamux_conversation_renew(struct llamux_conversation *c)
{
	if (c->kind != LLAMUX_CHAT)
		free_generation(c);
	llamux_text_free(&c->prompt);
	llamux_text_free(&c->answer);
	c->valid = 0;
	c->begun = false;
	c->done = false;
	c->error = 0;
	c->failure = 0;
	c->taken = 0;
}

void llamux_conversation_forget(struct llamux_conversation *c)
{
	llamux_conversation_renew(c);
	free_generation(c);
}

struct gguf_str llamux_conversation_prompt(const struct llamux_conversation *c)
{
	const char *text = c->prompt.memory.data;
	u32 n = c->prompt.n;

	if (n && text[n - 1] == '\n')
		n--;
	return (struct gguf_str){ .data = text, .len = n };
}

static int alloc_generation(struct llamux_conversation *c, const char *name)
{
	struct llama_arena arena = { };
	const struct llama_model *m;
	u32 n_chunks, n_ctx;
	size_t need;
	int err;

	c->model = llamux_registry_get(name);
	if (!c->model)
		return -ENOENT;
	m = &c->model->m;
	n_ctx = c->model->n_ctx;
	n_chunks = llama_kv_chunks(n_ctx);
	need = llama_generation_size(m, n_ctx, BATCH, llamux_threads_max()) +
	       llama_generation_out(m);
	c->chunks = kvcalloc(n_chunks, sizeof(*c->chunks), GFP_KERNEL_ACCOUNT);
	c->kv.chunks = kvcalloc(n_chunks, sizeof(*c->kv.chunks), GFP_KERNEL_ACCOUNT);
	if (!c->chunks || !c->kv.chunks)
		return -ENOMEM;
	c->kv.n_chunks = n_chunks;
	err = llamux_memory_alloc(&c->memory, need);
	if (err)
		return err;
	arena.base = c->memory.data;
	arena.size = need;
	err = llama_generation_init(&c->gen, m, n_ctx, BATCH, llamux_threads_max(), &arena);
	c->out = c->memory.data + need - llama_generation_out(m);
	return err;
}

/* Chunks for @n positions. */
static int provide_chunks(struct llamux_conversation *c, u32 n)
{
	u32 i;
	int err;

	for (i = 0; i < llama_kv_chunks(n); i++) {
		if (c->kv.chunks[i])
			continue;
		if (!llamux_user_take(c->user, LLAMUX_CACHE, LLAMA_KV_CHUNK))
			return -ENOBUFS;
		err = llamux_memory_alloc(&c->chunks[i], llama_kv_chunk_size(&c->model->m));
		if (err) {
			llamux_user_return(c->user, LLAMUX_CACHE, LLAMA_KV_CHUNK);
			return err;
		}
		c->kv.chunks[i] = c->chunks[i].data;
	}
	return 0;
}

/* Begin with what prompts share. */
static int use_prefix(struct llamux_conversation *c, const struct llama_yield *yield)
{
	ktime_t start = ktime_get();
	u32 evaluated = 0;
	int err = provide_chunks(c, c->model->prefix.n);

	if (err)
		return err;
	c->gen.scratch.team = llamux_team_get();
	err = llamux_prefix_use(&c->model->prefix, &c->gen, &c->kv, yield, &evaluated);
	llamux_team_put(c->gen.scratch.team);
	if (evaluated) {
		llamux_count(LLAMUX_PROMPT_TOKENS, evaluated);
		llamux_count(LLAMUX_PREFILL_US, ktime_us_delta(ktime_get(), start));
	}
	return err;
}

/* A prompt that stands for itself. */
static int begin_prompt(struct llamux_conversation *c, const struct llama_options *o,
			const struct llama_yield *yield, struct llama_diag *diag)
{
	struct gguf_str text = llamux_conversation_prompt(c);
	struct llamux_memory tmp;
	int err = llamux_memory_alloc(&tmp, llama_prompt_scratch(&c->model->m, o, text));

	if (err)
		return err;
	err = llama_generation_prompt(&c->gen, o, text, tmp.data, yield, diag);
	llamux_memory_wipe(&tmp);
	return err;
}

/* Forget what was said in turns that the context had no room for. */
static void trim_said(struct llamux_conversation *c)
{
	size_t first = c->gen.turns[0].text;
	u32 i;

	if (first < c->said.n / 2)
		return;
	llamux_text_drop(&c->said, first);
	for (i = 0; i < c->gen.n_turns; i++)
		c->gen.turns[i].text -= first;
}

/* A dialogue's turn. */
static int begin_turn(struct llamux_conversation *c, const struct llama_options *o,
		      const struct llama_yield *yield, struct llama_diag *diag)
{
	struct gguf_str text = llamux_conversation_prompt(c);
	size_t said = c->said.n;
	struct llamux_memory tmp;
	int err;

	if (text.len > U32_MAX - said)
		return -EMSGSIZE;
	err = llamux_text_reserve(&c->said, text.len);
	if (err)
		return err;
	llamux_text_add(&c->said, text.data, text.len);
	err = llamux_memory_alloc(&tmp, llama_turn_scratch(&c->gen, o, c->said.memory.data,
							   c->said.n));
	if (!err) {
		err = llama_generation_turn(&c->gen, o, c->said.memory.data, c->said.n, said,
					    tmp.data, yield, diag);
		llamux_memory_wipe(&tmp);
	}
	if (err)
		c->said.n = said;
	else
		trim_said(c);
	return err;
}

/* Template and system prompt of a dialogue are those of its first turn. */
static void keep_opening(struct llamux_conversation *c, struct llamux_options *o)
{
	if (!c->opening)
		return;
	o->o.chat = c->opening->o.chat;
	o->o.system = c->opening->o.system;
}

/* The generation, made anew or a dialogue's. */
static int ready_generation(struct llamux_conversation *c, struct llamux_options *o,
			    const struct llama_yield *yield)
{
	int err;

	if (c->model)
		return 0;
	err = alloc_generation(c, o->model);
	if (!err && o->o.chat == LLAMA_TEMPLATE_AUTO && !o->o.system.data)
		err = use_prefix(c, yield);
	return err;
}

/* With @o, a copy of the options; a dialogue keeps its first one. */
static int begin_with(struct llamux_conversation *c, struct llamux_options *o,
		      const struct llama_yield *yield, struct llama_diag *diag)
{
	int err = ready_generation(c, o, yield);

	if (err)
		return err;
	keep_opening(c, o);
	return c->kind == LLAMUX_CHAT ? begin_turn(c, &o->o, yield, diag) :
					begin_prompt(c, &o->o, yield, diag);
}

/* Whether a failure belongs to the prompt, rather than to this attempt. */
static bool is_final(int err)
{
	return err == -EMSGSIZE || err == -EINVAL;
}

/* What files see of an attempt to begin. */
static void publish_begun(struct llamux_conversation *c, int err)
{
	if (err && !is_final(err))
		return;
	mutex_lock(&c->answer_lock);
	c->begun = true;
	c->done = err;
	c->error = err;
	mutex_unlock(&c->answer_lock);
}

/* Set the answer up. */
static int begin(struct llamux_conversation *c, const struct llama_yield *yield)
{
	struct llamux_figures figures = { };
	struct llama_diag diag = { };
	struct llamux_options *o;
	int err;

	if (c->valid != c->prompt.n)
		return -EILSEQ;
	WRITE_ONCE(c->started, ktime_get());
	llamux_figures_copy(&c->figures, &figures);
	o = kmalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);
	if (!o)
		return -ENOMEM;
	llamux_options_get(c, o);
	err = begin_with(c, o, yield, &diag);
	if (!err && c->kind == LLAMUX_CHAT && !c->opening)
		c->opening = o;
	else
		kfree_sensitive(o);
	if (err && !c->gen.n_turns)
		free_generation(c);
	if (err && diag.text[0])
		pr_info_ratelimited("%s\n", diag.text);
	publish_begun(c, err);
	if (err)
		return is_final(err) ? 0 : err;
	figures.prompt_tokens = c->gen.n_prompt;
	figures.reused = c->gen.n_reused;
	llamux_figures_copy(&c->figures, &figures);
	llamux_count(LLAMUX_REUSED, c->gen.n_reused);
	return 0;
}

/* What a step has done that began with @past positions and @tokens, and wrote @n bytes. */
static void account(struct llamux_conversation *c, u32 past, u32 tokens, size_t n, ktime_t start)
{
	const struct llama_generation *g = &c->gen;
	struct llamux_figures f = c->figures;
	ktime_t now = ktime_get();
	u64 us = ktime_us_delta(now, start);

	if (past < g->n_prompt) {
		f.prefill_us += us;
		llamux_count(LLAMUX_PREFILL_US, us);
		llamux_count(LLAMUX_PROMPT_TOKENS, g->n_past - past);
	} else {
		f.decode_us += us;
		llamux_count(LLAMUX_DECODE_US, us);
	}
	llamux_count(LLAMUX_TOKENS, g->n_tokens - tokens);
	llamux_count(LLAMUX_DRAFTED, g->n_drafted - f.drafted);
	llamux_count(LLAMUX_ACCEPTED, g->n_accepted - f.accepted);
	if (n && !c->answer.n)
		f.ttft_us = ktime_us_delta(now, c->started);
	f.tokens = g->n_tokens - g->n_prompt;
	f.drafted = g->n_drafted;
	f.accepted = g->n_accepted;
	f.sampled = g->confidence.n;
	f.log_prob = g->confidence.log_prob;
	f.margin = g->confidence.margin;
	llamux_figures_copy(&c->figures, &f);
}

/* Make room for what a step needs. */
static int provide(struct llamux_conversation *c)
{
	int err = provide_chunks(c, llama_generation_positions(&c->gen));

	if (err)
		return err;
	mutex_lock(&c->answer_lock);
	err = llamux_text_reserve(&c->answer, llama_generation_out(&c->model->m));
	mutex_unlock(&c->answer_lock);
	return err;
}

/* What files see of a step that wrote @n bytes. */
static void publish(struct llamux_conversation *c, size_t n)
{
	mutex_lock(&c->answer_lock);
	llamux_text_add(&c->answer, c->out, n);
	c->done = c->gen.done;
	mutex_unlock(&c->answer_lock);
}

/* One step of the answer. */
static int step(struct llamux_conversation *c, const struct llama_yield *yield)
{
	u32 past = c->gen.n_past, tokens = c->gen.n_tokens;
	ktime_t start = ktime_get();
	long n;
	int err;

	err = provide(c);
	if (err)
		return err;
	c->gen.scratch.team = llamux_team_get();
	n = llama_generation_step(&c->gen, &c->kv, c->out, yield);
	llamux_team_put(c->gen.scratch.team);
	if (n < 0) {
		llamux_count(LLAMUX_INTERRUPTED, 1);
		return n;
	}
	account(c, past, tokens, n, start);
	publish(c, n);
	if (!c->gen.done)
		return 0;
	llamux_count(LLAMUX_ANSWERS, 1);
	if (c->kind != LLAMUX_CHAT)
		free_generation(c);
	return 0;
}

/* A turn of the user's, and the lock. */
static int seize(struct llamux_conversation *c, struct llamux_turn *turn,
		 const struct llama_yield *yield)
{
	int err = llamux_turn_begin(turn, c->user, yield);

	if (err)
		return err;
	if (!mutex_lock_interruptible(&c->lock))
		return 0;
	llamux_turn_end(turn);
	return -ERESTARTSYS;
}

static void release(struct llamux_conversation *c, const struct llamux_turn *turn)
{
	mutex_unlock(&c->lock);
	llamux_turn_end(turn);
}

int llamux_conversation_advance(struct llamux_conversation *c, u64 serial, size_t have,
				const struct llama_yield *yield)
{
	struct llamux_turn turn;
	int err = seize(c, &turn, yield);

	if (err)
		return err;
	if (c->serial == serial && !c->begun)
		err = begin(c, yield);
	else if (c->serial == serial && !c->done && c->answer.n <= have)
		err = step(c, yield);
	release(c, &turn);
	wake_up_all(&c->wait);
	return err;
}

static int begin_candidate(struct llamux_conversation *c, struct llama_score *s,
			   struct gguf_str text, bool end, const struct llama_yield *yield)
{
	struct llama_diag diag = { };
	struct llamux_memory tmp;
	int err = llamux_memory_alloc(&tmp, llama_score_scratch(&c->gen, text.len));

	if (err)
		return err;
	err = llama_score_begin(s, text, end, tmp.data, yield, &diag);
	llamux_memory_wipe(&tmp);
	if (diag.text[0])
		pr_info_ratelimited("%s\n", diag.text);
	return err;
}

/* The prompt, where that is new, and the candidate. */
static int begin_score(struct llamux_conversation *c, struct llama_score *s, struct gguf_str text,
		       bool end, const struct llama_yield *yield)
{
	int err = 0;

	if (!llamux_conversation_prompt(c).len)
		return -ENODATA;
	if (!c->begun)
		err = begin(c, yield);
	if (!err)
		err = c->error;
	if (!err && !s->g)
		err = llama_score_init(s, &c->gen);
	return err ? err : begin_candidate(c, s, text, end, yield);
}

static int score_step(struct llamux_conversation *c, struct llama_score *s,
		      const struct llama_yield *yield)
{
	u32 n = llama_score_batch(s);
	ktime_t start = ktime_get();
	int err = provide_chunks(c, llama_score_positions(s));

	if (err)
		return err;
	c->gen.scratch.team = llamux_team_get();
	err = llama_score_step(s, &c->kv, yield);
	llamux_team_put(c->gen.scratch.team);
	if (err) {
		llamux_count(LLAMUX_INTERRUPTED, 1);
		return err;
	}
	llamux_count(LLAMUX_PROMPT_TOKENS, n);
	llamux_count(LLAMUX_PREFILL_US, ktime_us_delta(ktime_get(), start));
	return 0;
}

int llamux_conversation_score(struct llamux_conversation *c, struct llama_score *s,
			      struct gguf_str text, bool end, const struct llama_yield *yield)
{
	struct llamux_turn turn;
	int err = seize(c, &turn, yield);

	if (err)
		return err;
	err = begin_score(c, s, text, end, yield);
	release(c, &turn);
	while (!err && !s->done) {
		err = seize(c, &turn, yield);
		if (err)
			break;
		err = score_step(c, s, yield);
		release(c, &turn);
	}
	return err;
}

void llamux_options_get(struct llamux_conversation *c, struct llamux_options *o)
{
	mutex_lock(&c->options_lock);
	llamux_options_copy(o, &c->options);
	mutex_unlock(&c->options_lock);
}

void llamux_options_set(struct llamux_conversation *c, const struct llamux_options *o)
{
	mutex_lock(&c->options_lock);
	llamux_options_copy(&c->options, o);
	mutex_unlock(&c->options_lock);
}

// SPDX-License-Identifier: GPL-2.0
#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "engine.h"
#include "log.h"
#include "registry.h"
#include "threads.h"

#define BATCH 32			/* tokens of a prompt's pass */
#define REAP_INTERVAL (30 * HZ)		/* between looks for sessions that are gone */
#define TEXT_STEP 4096			/* least bytes by which a text grows */

/* A growing text. */
struct text {
	struct llamux_memory memory;
	size_t n;
};

/**
 * struct llamux_conversation - A prompt and its answer.
 * @node:    In the table.
 * @kind:    What it remembers.
 * @uid:     Owner.
 * @session: The owner's terminal session; NULL for a private one.
 * @users:   Open files.
 * @used:    Jiffies of the latest open or close.
 * @lock:    Guards all below but @options and @figures.
 * @options_lock: Guards @options.
 * @options: For the next answer.
 * @serial:  Number of the prompt, from 1; 0 before the first.
 * @prompt:  Its text.
 * @valid:   Bytes of it that are whole characters.
 * @streaming: Files that are reading the answer and not at its end.
 * @begun:   @gen is set up.
 * @done:    The answer is complete, or ended with @error.
 * @error:   0 or -errno.
 * @answer:  Text so far.
 * @said:    What the user said in a dialogue's turns that @gen has.
 * @opening: Options of its first turn.
 * @model:   What @gen computes with; NULL where there is no @gen.
 * @memory:  Of @gen and @out.
 * @gen:     The answer in the making.
 * @kv:      Its cache, in @chunks.
 * @chunks:  (kv.n_chunks) memory.
 * @out:     What a step writes.
 * @started: When the first read came.
 * @figures: Of the answer.
 */
struct llamux_conversation {
	struct list_head node;
	enum llamux_kind kind;
	kuid_t uid;
	struct pid *session;
	u32 users;
	unsigned long used;

	struct mutex lock;
	struct mutex options_lock;
	struct llamux_options options;
	u64 serial;
	struct text prompt;
	size_t valid;
	u32 streaming;
	bool begun;
	bool done;
	int error;
	struct text answer;
	struct text said;
	struct llamux_options *opening;
	struct llamux_model *model;
	struct llamux_memory memory;
	struct llama_generation gen;
	struct llama_kv kv;
	struct llamux_memory *chunks;
	char *out;
	ktime_t started;
	struct llamux_figures figures;
};

static struct {
	struct llamux_limits limits;
	struct mutex lock;		/* guards the list and what the struct above says */
	struct list_head conversations;
	u32 n, peak;
	atomic64_t answers, prompt_tokens, tokens, prefill_us, decode_us, interrupted;
	atomic64_t reused, drafted, accepted;
} engine = {
	.lock = __MUTEX_INITIALIZER(engine.lock),
	.conversations = LIST_HEAD_INIT(engine.conversations),
};

static void reap(struct work_struct *work);
static DECLARE_DELAYED_WORK(reaper, reap);

const struct llamux_limits *llamux_engine_limits(void)
{
	return &engine.limits;
}

int llamux_yield_caller(void *unused)
{
	cond_resched();
	return signal_pending(current) ? -ERESTARTSYS : 0;
}

static const struct llama_yield yield_caller = { .fn = llamux_yield_caller };

/* Room for @n more bytes. */
static int text_reserve(struct text *t, size_t n)
{
	struct llamux_memory grown;
	size_t size = t->n + n;

	if (size <= t->memory.size)
		return 0;
	size = max3(size, 2 * t->memory.size, (size_t)TEXT_STEP);
	if (llamux_memory_alloc(&grown, size))
		return -ENOMEM;
	if (t->n)
		memcpy(grown.data, t->memory.data, t->n);
	llamux_memory_wipe(&t->memory);
	t->memory = grown;
	return 0;
}

static void text_free(struct text *t)
{
	llamux_memory_wipe(&t->memory);
	t->n = 0;
}

/* What only an answer in the making needs. */
static void free_generation(struct llamux_conversation *c)
{
	u32 i;

	for (i = 0; i < c->kv.n_chunks; i++)
		llamux_memory_wipe(&c->chunks[i]);
	kvfree(c->chunks);
	kvfree(c->kv.chunks);
	c->chunks = NULL;
	memset(&c->kv, 0, sizeof(c->kv));
	llamux_memory_wipe(&c->memory);
	memzero_explicit(&c->gen, sizeof(c->gen));
	text_free(&c->said);
	kfree_sensitive(c->opening);
	c->opening = NULL;
	llamux_registry_put(c->model);
	c->model = NULL;
}

/* Back to no prompt; a dialogue keeps its turns. */
static void reset(struct llamux_conversation *c)
{
	if (c->kind != LLAMUX_CHAT)
		free_generation(c);
	text_free(&c->prompt);
	text_free(&c->answer);
	c->valid = 0;
	c->begun = false;
	c->done = false;
	c->error = 0;
}

/* Table lock held; nobody uses it. */
static void destroy(struct llamux_conversation *c)
{
	list_del(&c->node);
	engine.n--;
	reset(c);
	free_generation(c);
	put_pid(c->session);
	kfree_sensitive(c);
}

static bool is_stale(const struct llamux_conversation *c)
{
	bool gone;

	rcu_read_lock();
	gone = !pid_task(c->session, PIDTYPE_SID);
	rcu_read_unlock();
	return gone;
}

/* Table lock held. Free shared conversations whose session is gone. */
static void reap_stale(void)
{
	struct llamux_conversation *c, *next;

	list_for_each_entry_safe(c, next, &engine.conversations, node)
		if (c->session && !c->users && is_stale(c))
			destroy(c);
}

static void reap(struct work_struct *work)
{
	mutex_lock(&engine.lock);
	reap_stale();
	if (!list_empty(&engine.conversations))
		schedule_delayed_work(&reaper, REAP_INTERVAL);
	mutex_unlock(&engine.lock);
}

/*
 * Table lock held. Free the shared conversation that was idle the longest: of the
 * caller alone, with @own.
 */
static bool evict(bool own)
{
	struct llamux_conversation *c, *oldest = NULL;

	list_for_each_entry(c, &engine.conversations, node)
		if (c->session && !c->users && (!own || uid_eq(c->uid, current_uid())) &&
		    (!oldest || time_before(c->used, oldest->used)))
			oldest = c;
	if (oldest)
		destroy(oldest);
	return oldest;
}

/* Table lock held. Conversations of the caller. */
static u32 n_own(void)
{
	const struct llamux_conversation *c;
	u32 n = 0;

	list_for_each_entry(c, &engine.conversations, node)
		n += uid_eq(c->uid, current_uid());
	return n;
}

/* Table lock held. Whether there is room for one more, perhaps in place of an idle one. */
static bool make_room(void)
{
	u32 most = engine.limits.max_user_conversations;

	if (most && n_own() >= most && !evict(true))
		return false;
	return engine.n < engine.limits.max_conversations || evict(false);
}

/* Table lock held. */
static struct llamux_conversation *find_shared(enum llamux_kind kind)
{
	struct llamux_conversation *c;
	struct pid *session;

	rcu_read_lock();
	session = task_session(current);
	rcu_read_unlock();
	list_for_each_entry(c, &engine.conversations, node)
		if (c->kind == kind && c->session && c->session == session &&
		    uid_eq(c->uid, current_uid()))
			return c;
	return NULL;
}

/* Table lock held. Options are those of the caller's shared conversation, where there is one. */
static struct llamux_conversation *create(enum llamux_kind kind, bool private)
{
	struct llamux_conversation *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	struct llamux_conversation *shared = find_shared(LLAMUX_PROMPT);

	if (!c)
		return ERR_PTR(-ENOMEM);
	if (shared)
		llamux_options_get(shared, &c->options);
	else
		llamux_options_default(&c->options);
	reap_stale();
	if (!make_room()) {
		kfree_sensitive(c);
		return ERR_PTR(-EUSERS);
	}
	mutex_init(&c->lock);
	mutex_init(&c->options_lock);
	c->kind = kind;
	c->uid = current_uid();
	if (!private) {
		rcu_read_lock();
		c->session = get_pid(task_session(current));
		rcu_read_unlock();
	}
	list_add(&c->node, &engine.conversations);
	engine.n++;
	engine.peak = max(engine.peak, engine.n);
	schedule_delayed_work(&reaper, REAP_INTERVAL);
	return c;
}

int llamux_open(struct llamux_reader *r, enum llamux_kind kind, bool private)
{
	struct llamux_conversation *c;

	memset(r, 0, sizeof(*r));
	mutex_lock(&engine.lock);
	c = private ? NULL : find_shared(kind);
	if (!c)
		c = create(kind, private);
	if (!IS_ERR(c)) {
		c->users++;
		c->used = jiffies;
		r->c = c;
	}
	mutex_unlock(&engine.lock);
	return PTR_ERR_OR_ZERO(c);
}

/* Conversation lock held. */
static void start_streaming(struct llamux_reader *r)
{
	if (!r->streaming)
		r->c->streaming++;
	r->streaming = true;
}

/* Conversation lock held. */
static void stop_streaming(struct llamux_reader *r)
{
	if (r->streaming)
		r->c->streaming--;
	r->streaming = false;
}

void llamux_close(struct llamux_reader *r)
{
	struct llamux_conversation *c = r->c;

	mutex_lock(&c->lock);
	stop_streaming(r);
	mutex_unlock(&c->lock);
	mutex_lock(&engine.lock);
	c->used = jiffies;
	if (!--c->users && !c->session)
		destroy(c);
	mutex_unlock(&engine.lock);
}

/* Take @n bytes at the end of the prompt, or leave it as it is. */
static int append_prompt(struct llamux_conversation *c, const char __user *text, size_t n)
{
	size_t tail;
	char *end;

	if (n > engine.limits.max_prompt - c->prompt.n)
		return -EMSGSIZE;
	if (text_reserve(&c->prompt, n))
		return -ENOMEM;
	end = c->prompt.memory.data + c->prompt.n;
	if (copy_from_user(end, text, n))
		return -EFAULT;
	if (memchr(end, 0, n))
		return -EINVAL;
	n += c->prompt.n - c->valid;
	if (utf8_check(c->prompt.memory.data + c->valid, n, &tail))
		return -EILSEQ;
	c->prompt.n = c->valid + n;
	c->valid = c->prompt.n - tail;
	return 0;
}

ssize_t llamux_write(struct llamux_reader *r, const char __user *text, size_t n)
{
	struct llamux_conversation *c = r->c;
	int err = 0;

	if (!n)
		return 0;
	if (mutex_lock_interruptible(&c->lock))
		return -ERESTARTSYS;
	if (r->writing != c->serial || !c->serial || c->begun) {
		if (c->streaming) {
			err = -EBUSY;
			goto unlock;
		}
		reset(c);
		r->writing = ++c->serial;
	}
	err = append_prompt(c, text, n);
unlock:
	mutex_unlock(&c->lock);
	return err ? err : n;
}

/* The prompt without the newline that `echo` puts at its end. */
static struct gguf_str prompt_text(const struct llamux_conversation *c)
{
	const char *text = c->prompt.memory.data;
	u32 n = c->prompt.n;

	if (n && text[n - 1] == '\n')
		n--;
	return (struct gguf_str){ .data = text, .len = n };
}

int llamux_forget(struct llamux_reader *r)
{
	struct llamux_conversation *c = r->c;
	int err = 0;

	if (mutex_lock_interruptible(&c->lock))
		return -ERESTARTSYS;
	if (c->streaming) {
		err = -EBUSY;
	} else {
		reset(c);
		free_generation(c);
		c->serial++;
	}
	mutex_unlock(&c->lock);
	return err;
}

int llamux_forget_shared(void)
{
	struct llamux_reader r = { };
	int err;

	mutex_lock(&engine.lock);
	r.c = find_shared(LLAMUX_CHAT);
	if (r.c)
		r.c->users++;
	mutex_unlock(&engine.lock);
	if (!r.c)
		return 0;
	err = llamux_forget(&r);
	llamux_close(&r);
	return err;
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
		err = llamux_memory_alloc(&c->chunks[i], llama_kv_chunk_size(&c->model->m));
		if (err)
			return err;
		c->kv.chunks[i] = c->chunks[i].data;
	}
	return 0;
}

/* Begin with what prompts share. */
static int use_prefix(struct llamux_conversation *c)
{
	ktime_t start = ktime_get();
	u32 evaluated = 0;
	int err = provide_chunks(c, c->model->prefix.n);

	if (err)
		return err;
	c->gen.scratch.team = llamux_team_get();
	err = llamux_prefix_use(&c->model->prefix, &c->gen, &c->kv, &yield_caller, &evaluated);
	llamux_team_put(c->gen.scratch.team);
	if (evaluated) {
		atomic64_add(evaluated, &engine.prompt_tokens);
		atomic64_add(ktime_us_delta(ktime_get(), start), &engine.prefill_us);
	}
	return err;
}

/* A prompt that stands for itself. */
static int begin_prompt(struct llamux_conversation *c, const struct llama_options *o,
			struct llama_diag *diag)
{
	struct gguf_str text = prompt_text(c);
	struct llamux_memory tmp;
	int err = llamux_memory_alloc(&tmp, llama_prompt_scratch(&c->model->m, o, text));

	if (err)
		return err;
	err = llama_generation_prompt(&c->gen, o, text, tmp.data, &yield_caller, diag);
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
	c->said.n -= first;
	memmove(c->said.memory.data, c->said.memory.data + first, c->said.n);
	memzero_explicit(c->said.memory.data + c->said.n, first);
	for (i = 0; i < c->gen.n_turns; i++)
		c->gen.turns[i].text -= first;
}

/* A dialogue's turn. */
static int begin_turn(struct llamux_conversation *c, const struct llama_options *o,
		      struct llama_diag *diag)
{
	struct gguf_str text = prompt_text(c);
	struct llamux_memory tmp;
	int err;

	if (text.len > U32_MAX - c->said.n)
		return -EMSGSIZE;
	err = text_reserve(&c->said, text.len);
	if (err)
		return err;
	memcpy(c->said.memory.data + c->said.n, text.data, text.len);
	err = llamux_memory_alloc(&tmp, llama_turn_scratch(&c->gen, o, c->said.memory.data,
							   c->said.n + text.len));
	if (err)
		return err;
	err = llama_generation_turn(&c->gen, o, c->said.memory.data, c->said.n + text.len, c->said.n,
				    tmp.data, &yield_caller, diag);
	llamux_memory_wipe(&tmp);
	if (!err) {
		c->said.n += text.len;
		trim_said(c);
	}
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
static int ready_generation(struct llamux_conversation *c, struct llamux_options *o)
{
	int err;

	if (c->model)
		return 0;
	err = alloc_generation(c, o->model);
	if (!err && o->o.chat == LLAMA_TEMPLATE_AUTO && !o->o.system.data)
		err = use_prefix(c);
	return err;
}

/* With @o, a copy of the options; a dialogue keeps its first one. Return: 0 or -errno. */
static int begin_with(struct llamux_conversation *c, struct llamux_options *o, struct llama_diag *diag)
{
	int err = ready_generation(c, o);

	if (err)
		return err;
	keep_opening(c, o);
	return c->kind == LLAMUX_CHAT ? begin_turn(c, &o->o, diag) : begin_prompt(c, &o->o, diag);
}

/* Whether a failure belongs to the prompt, rather than to this attempt. */
static bool is_final(int err)
{
	return err == -EMSGSIZE || err == -EINVAL;
}

/* Set the answer up. Conversation lock held. */
static int begin(struct llamux_conversation *c)
{
	struct llamux_options *o;
	struct llama_diag diag = { };
	int err;

	if (!prompt_text(c).len)
		return -ENODATA;
	if (c->valid != c->prompt.n)
		return -EILSEQ;
	c->started = ktime_get();
	memset(&c->figures, 0, sizeof(c->figures));
	o = kmalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);
	if (!o)
		return -ENOMEM;
	llamux_options_get(c, o);
	err = begin_with(c, o, &diag);
	if (!err && c->kind == LLAMUX_CHAT && !c->opening)
		c->opening = o;
	else
		kfree_sensitive(o);
	if (err) {
		if (!c->gen.n_turns)
			free_generation(c);
		if (diag.text[0])
			pr_info_ratelimited("%s\n", diag.text);
		if (is_final(err)) {
			c->begun = true;
			c->done = true;
			c->error = err;
		}
		return err;
	}
	c->begun = true;
	WRITE_ONCE(c->figures.prompt_tokens, c->gen.n_prompt);
	WRITE_ONCE(c->figures.reused, c->gen.n_reused);
	atomic64_add(c->gen.n_reused, &engine.reused);
	return 0;
}

static void account(struct llamux_conversation *c, u32 past, u32 tokens, ktime_t start)
{
	u64 us = ktime_us_delta(ktime_get(), start);

	if (past < c->gen.n_prompt) {
		WRITE_ONCE(c->figures.prefill_us, c->figures.prefill_us + us);
		atomic64_add(us, &engine.prefill_us);
		atomic64_add(c->gen.n_past - past, &engine.prompt_tokens);
	} else {
		WRITE_ONCE(c->figures.decode_us, c->figures.decode_us + us);
		atomic64_add(us, &engine.decode_us);
	}
	WRITE_ONCE(c->figures.tokens, c->gen.n_tokens - c->gen.n_prompt);
	atomic64_add(c->gen.n_drafted - c->figures.drafted, &engine.drafted);
	atomic64_add(c->gen.n_accepted - c->figures.accepted, &engine.accepted);
	WRITE_ONCE(c->figures.drafted, c->gen.n_drafted);
	WRITE_ONCE(c->figures.accepted, c->gen.n_accepted);
	WRITE_ONCE(c->figures.sampled, c->gen.confidence.n);
	WRITE_ONCE(c->figures.log_prob, c->gen.confidence.log_prob);
	WRITE_ONCE(c->figures.margin, c->gen.confidence.margin);
	atomic64_add(c->gen.n_tokens - tokens, &engine.tokens);
}

/* One step of the answer. Conversation lock held. */
static int step(struct llamux_conversation *c)
{
	u32 past = c->gen.n_past, tokens = c->gen.n_tokens;
	ktime_t start = ktime_get();
	long n;
	int err;

	err = provide_chunks(c, llama_generation_positions(&c->gen));
	if (!err)
		err = text_reserve(&c->answer, llama_generation_out(&c->model->m));
	if (err)
		return err;
	c->gen.scratch.team = llamux_team_get();
	n = llama_generation_step(&c->gen, &c->kv, c->out, &yield_caller);
	llamux_team_put(c->gen.scratch.team);
	if (n < 0) {
		atomic64_inc(&engine.interrupted);
		return n;
	}
	account(c, past, tokens, start);
	if (n && !c->answer.n)
		WRITE_ONCE(c->figures.ttft_us, ktime_us_delta(ktime_get(), c->started));
	memcpy(c->answer.memory.data + c->answer.n, c->out, n);
	c->answer.n += n;
	if (c->gen.done) {
		c->done = true;
		atomic64_inc(&engine.answers);
		if (c->kind != LLAMUX_CHAT)
			free_generation(c);
	}
	return 0;
}

/* Bytes that are there, or one step towards more. Return: bytes, 0, -EAGAIN to try again. */
static ssize_t read_once(struct llamux_reader *r, char __user *buf, size_t n)
{
	struct llamux_conversation *c = r->c;
	int err;

	if (r->reading != c->serial) {
		stop_streaming(r);
		r->reading = c->serial;
		r->pos = 0;
	}
	if (r->pos < c->answer.n) {
		start_streaming(r);
		n = min(n, c->answer.n - r->pos);
		if (copy_to_user(buf, c->answer.memory.data + r->pos, n))
			return -EFAULT;
		r->pos += n;
		return n;
	}
	if (c->done) {
		stop_streaming(r);
		return c->error;
	}
	err = c->begun ? 0 : begin(c);
	if (err)
		return err;
	start_streaming(r);
	err = step(c);
	return err ? err : -EAGAIN;
}

/* A shared dialogue has the options of the caller's shared conversation, where there is one. */
static int follow_options(struct llamux_conversation *c)
{
	struct llamux_conversation *shared;
	struct llamux_options *o;

	if (c->kind != LLAMUX_CHAT || !c->session)
		return 0;
	o = kmalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);
	if (!o)
		return -ENOMEM;
	mutex_lock(&engine.lock);
	shared = find_shared(LLAMUX_PROMPT);
	if (shared)
		llamux_options_get(shared, o);
	mutex_unlock(&engine.lock);
	if (shared)
		llamux_options_set(c, o);
	kfree_sensitive(o);
	return 0;
}

ssize_t llamux_read(struct llamux_reader *r, char __user *buf, size_t n)
{
	ssize_t got;

	if (!n)
		return 0;
	got = follow_options(r->c);
	if (got)
		return got;
	do {
		if (mutex_lock_interruptible(&r->c->lock))
			return -ERESTARTSYS;
		got = read_once(r, buf, n);
		mutex_unlock(&r->c->lock);
	} while (got == -EAGAIN);
	return got;
}

void llamux_options_default(struct llamux_options *o)
{
	memset(o, 0, sizeof(*o));
	o->o = LLAMA_OPTIONS_DEFAULT;
}

int llamux_options_check(const struct llamux_options *o, struct llama_diag *diag)
{
	struct llama_stop_filter stop;
	struct llama_sampler sampler;
	struct llamux_model *model;
	int err = llama_options_check(&sampler, &stop, &o->o, diag);

	if (err)
		return err;
	if (!o->o.max_tokens)
		return llama_fail(diag, -EINVAL, "max_tokens must be at least 1");
	if (strnlen(o->model, sizeof(o->model)) == sizeof(o->model))
		return llama_fail(diag, -EINVAL, "the model's name is too long");
	model = llamux_registry_get(o->model);
	llamux_registry_put(model);
	return model ? 0 : llama_fail(diag, -EINVAL, "there is no model of that name");
}

/* The copy's system prompt points into the copy. */
static void copy_options(struct llamux_options *to, const struct llamux_options *from)
{
	*to = *from;
	if (from->o.system.data)
		to->o.system.data = to->system;
}

void llamux_options_get(struct llamux_conversation *c, struct llamux_options *o)
{
	mutex_lock(&c->options_lock);
	copy_options(o, &c->options);
	mutex_unlock(&c->options_lock);
}

void llamux_options_set(struct llamux_conversation *c, const struct llamux_options *o)
{
	mutex_lock(&c->options_lock);
	copy_options(&c->options, o);
	mutex_unlock(&c->options_lock);
}

void llamux_figures(const struct llamux_conversation *c, struct llamux_figures *f)
{
	f->prompt_tokens = READ_ONCE(c->figures.prompt_tokens);
	f->reused = READ_ONCE(c->figures.reused);
	f->tokens = READ_ONCE(c->figures.tokens);
	f->drafted = READ_ONCE(c->figures.drafted);
	f->accepted = READ_ONCE(c->figures.accepted);
	f->ttft_us = READ_ONCE(c->figures.ttft_us);
	f->prefill_us = READ_ONCE(c->figures.prefill_us);
	f->decode_us = READ_ONCE(c->figures.decode_us);
	f->sampled = READ_ONCE(c->figures.sampled);
	f->log_prob = READ_ONCE(c->figures.log_prob);
	f->margin = READ_ONCE(c->figures.margin);
}

/* Table lock held. The caller's shared conversation, or dialogue, that was used last. */
static struct llamux_conversation *latest_shared(void)
{
	struct llamux_conversation *prompt = find_shared(LLAMUX_PROMPT);
	struct llamux_conversation *chat = find_shared(LLAMUX_CHAT);

	if (!prompt || !chat)
		return prompt ? prompt : chat;
	return ktime_before(READ_ONCE(prompt->started), READ_ONCE(chat->started)) ? chat : prompt;
}

void llamux_last_figures(struct llamux_figures *f)
{
	struct llamux_conversation *c;

	memset(f, 0, sizeof(*f));
	mutex_lock(&engine.lock);
	c = latest_shared();
	if (c)
		llamux_figures(c, f);
	mutex_unlock(&engine.lock);
}

void llamux_totals(struct llamux_totals *t)
{
	mutex_lock(&engine.lock);
	t->conversations = engine.n;
	t->conversations_peak = engine.peak;
	mutex_unlock(&engine.lock);
	t->answers = atomic64_read(&engine.answers);
	t->prompt_tokens = atomic64_read(&engine.prompt_tokens);
	t->tokens = atomic64_read(&engine.tokens);
	t->prefill_us = atomic64_read(&engine.prefill_us);
	t->decode_us = atomic64_read(&engine.decode_us);
	t->reused = atomic64_read(&engine.reused);
	t->drafted = atomic64_read(&engine.drafted);
	t->accepted = atomic64_read(&engine.accepted);
	t->interrupted = atomic64_read(&engine.interrupted);
}

void llamux_engine_start(const struct llamux_limits *limits)
{
	engine.limits = *limits;
}

void llamux_engine_stop(void)
{
	struct llamux_conversation *c, *next;

	cancel_delayed_work_sync(&reaper);
	list_for_each_entry_safe(c, next, &engine.conversations, node)
		destroy(c);
}

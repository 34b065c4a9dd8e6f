// SPDX-License-Identifier: GPL-2.0
#include <linux/ctype.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "models/cache.h"
#include "evaluation.h"
#include "models/registry.h"
#include "resources/requester.h"
#include "resources/threads.h"

#define MAX_TEXT (1u << 20)	/* bytes of one write */

/**
 * struct llamux_evaluation - Tokens and their logits.
 * @model:    Model that was the default when the evaluation began.
 * @lock:     Guards all below.
 * @batch:    Tokens of a pass.
 * @tokens:   (n_ctx,) u32 token ids.
 * @n_tokens: Number of known tokens.
 * @n_past:   Number of evaluated tokens.
 * @begun:    Logits were read; no more tokens can be added.
 * @memory:   Memory of @scratch and @logits.
 * @scratch:  Working memory of passes.
 * @cache:    KV cache.
 * @logits:   (batch, n_vocab) logits of the latest pass, Q16.16.
 * @ready:    Bytes at @logits.
 * @taken:    Bytes at @logits that were read.
 */
struct llamux_evaluation {
	struct llamux_model *model;
	struct mutex lock;
	u32 batch;
	struct llamux_memory tokens;
	u32 n_tokens;
	u32 n_past;
	bool begun;
	struct llamux_memory memory;
	struct llama_scratch scratch;
	struct llamux_cache cache;
	q16 *logits;
	size_t ready;
	size_t taken;
};

struct llamux_evaluation *llamux_evaluation_new(void)
{
	struct llamux_evaluation *e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);

	if (!e)
		return NULL;
	e->model = llamux_registry_get("");
	mutex_init(&e->lock);
	e->batch = 1;
	return e;
}

void llamux_evaluation_free(struct llamux_evaluation *e)
{
	llamux_cache_free(&e->cache);
	llamux_memory_wipe(&e->memory);
	llamux_memory_wipe(&e->tokens);
	llamux_registry_put(e->model);
	kfree(e);
}

/* Parse the number at *@text, and move that past it. */
static int parse_number(char **text, u32 *v)
{
	char *end = *text;
	char stop;
	int err;

	while (*end && !isspace(*end))
		end++;
	stop = *end;
	*end = '\0';
	err = kstrtou32(*text, 10, v);
	*end = stop;
	*text = end;
	return err ? -EINVAL : 0;
}

static int parse_batch(struct llamux_evaluation *e, char **text)
{
	u32 batch;
	int err;

	*text = skip_spaces(*text + strlen("batch"));
	err = parse_number(text, &batch);
	if (err || !batch || batch > LLAMA_MAX_BATCH)
		return -EINVAL;
	e->batch = batch;
	return 0;
}

static int parse_tokens(struct llamux_evaluation *e, char *text)
{
	u32 n_ctx = e->model->n_ctx;
	u32 n = e->n_tokens;
	u32 *tokens;
	int err;

	if (!e->tokens.data) {
		err = llamux_memory_alloc(&e->tokens, n_ctx * sizeof(u32));
		if (err)
			return err;
	}
	tokens = e->tokens.data;
	for (text = skip_spaces(text); *text; text = skip_spaces(text)) {
		if (n == n_ctx)
			return -EMSGSIZE;
		err = parse_number(&text, &tokens[n]);
		if (err)
			return err;
		if (tokens[n++] >= e->model->m.n_vocab)
			return -EINVAL;
	}
	e->n_tokens = n;
	return 0;
}

static int parse(struct llamux_evaluation *e, char *text)
{
	u32 batch = e->batch;
	int err = 0;

	if (e->begun)
		return -EBUSY;
	text = skip_spaces(text);
	if (!e->n_tokens && !strncmp(text, "batch", strlen("batch")))
		err = parse_batch(e, &text);
	if (!err)
		err = parse_tokens(e, text);
	if (err)
		e->batch = batch;
	return err;
}

ssize_t llamux_evaluation_write(struct llamux_evaluation *e, const char __user *buf, size_t n)
{
	char *text;
	int err;

	if (n > MAX_TEXT)
		return -EMSGSIZE;
	text = memdup_user_nul(buf, n);
	if (IS_ERR(text))
		return PTR_ERR(text);
	err = strlen(text) == n ? 0 : -EINVAL;
	if (!err)
		err = mutex_lock_interruptible(&e->lock) ? -ERESTARTSYS : 0;
	if (!err) {
		err = parse(e, text);
		mutex_unlock(&e->lock);
	}
	kfree_sensitive(text);
	return err ? err : n;
}

static int begin(struct llamux_evaluation *e)
{
	size_t logits = (size_t)e->batch * e->model->m.n_vocab * sizeof(*e->logits);
	size_t scratch = llama_scratch_size(&e->model->m, e->n_tokens, e->batch,
					    llamux_threads_max());
	struct llama_arena arena = { };
	int err;

	err = llamux_cache_init(&e->cache, &e->model->m, e->n_tokens, NULL, false);
	if (!err)
		err = llamux_memory_alloc(&e->memory, scratch + logits);
	if (err)
		return err;
	arena.base = e->memory.data;
	arena.size = scratch;
	e->logits = e->memory.data + scratch;
	return llama_scratch_init(&e->scratch, &e->model->m, e->n_tokens, e->batch,
				  llamux_threads_max(), &arena);
}

/* Evaluate one batch. */
static int evaluate(struct llamux_evaluation *e)
{
	const struct llama_yield yield = { .fn = llamux_requester_yield };
	u32 n = min(e->batch, e->n_tokens - e->n_past);
	u32 *tokens = e->tokens.data;
	int err = llamux_cache_reserve(&e->cache, e->n_past + n);

	if (err)
		return err;
	e->scratch.team = llamux_threads_acquire();
	err = llama_forward(&e->model->m, &e->scratch, &e->cache.kv, tokens + e->n_past, n,
			    e->n_past, e->logits, n, &yield);
	llamux_threads_release(e->scratch.team);
	if (err)
		return err;
	e->n_past += n;
	e->ready = (size_t)n * e->model->m.n_vocab * sizeof(*e->logits);
	e->taken = 0;
	return 0;
}

static ssize_t read_locked(struct llamux_evaluation *e, char __user *buf, size_t n)
{
	int err;

	if (!e->n_tokens)
		return -ENODATA;
	if (!e->begun) {
		err = begin(e);
		if (err) {
			llamux_cache_free(&e->cache);
			llamux_memory_free(&e->memory);
			return err;
		}
		e->begun = true;
	}
	if (e->taken == e->ready) {
		if (e->n_past == e->n_tokens)
			return 0;
		err = evaluate(e);
		if (err)
			return err;
	}
	n = min(n, e->ready - e->taken);
	if (copy_to_user(buf, (u8 *)e->logits + e->taken, n))
		return -EFAULT;
	e->taken += n;
	return n;
}

ssize_t llamux_evaluation_read(struct llamux_evaluation *e, char __user *buf, size_t n)
{
	ssize_t got;

	if (!n)
		return 0;
	if (mutex_lock_interruptible(&e->lock))
		return -ERESTARTSYS;
	got = read_locked(e, buf, n);
	mutex_unlock(&e->lock);
	return got;
}

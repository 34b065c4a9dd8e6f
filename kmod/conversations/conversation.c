// SPDX-License-Identifier: GPL-2.0
#include <linux/slab.h>

#include "conversation.h"
#include "resources/slot.h"

static struct llamux_conversation *of_producer(struct llamux_producer *p)
{
	return container_of(p, struct llamux_conversation, producer);
}

static bool is_read(struct llamux_producer *p)
{
	return llamux_answer_is_read(&of_producer(p)->answer);
}

static int produce(struct llamux_producer *p, const struct llama_yield *yield)
{
	struct llamux_conversation *c = of_producer(p);
	struct llamux_cursor end;

	if (!llamux_answer_is_wanted(&c->answer, &end))
		return -EAGAIN;
	return llamux_conversation_advance(c, &end, yield);
}

static void fail(struct llamux_producer *p, int err)
{
	llamux_answer_fail(&of_producer(p)->answer, err);
}

static const struct llamux_producer_ops producer_ops = {
	.wanted = is_read,
	.step = produce,
	.failed = fail,
};

struct llamux_conversation *llamux_conversation_new(const struct llamux_requester *who,
						    enum llamux_kind kind, bool private)
{
	struct llamux_conversation *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return NULL;
	c->user = llamux_user_get(who->uid);
	if (!c->user) {
		kfree(c);
		return NULL;
	}
	llamux_options_init(&c->options);
	llamux_requester_copy(&c->owner, who);
	llamux_producer_init(&c->producer, &producer_ops, c->owner.memcg);
	llamux_answer_init(&c->answer, c->user);
	llamux_computation_init(&c->computation, c->user, kind == LLAMUX_CHAT);
	c->kind = kind;
	c->private = private;
	return c;
}

void llamux_conversation_free(struct llamux_conversation *c)
{
	llamux_producer_free(&c->producer);
	llamux_computation_free(&c->computation);
	llamux_answer_free(&c->answer);
	llamux_options_exit(&c->options);
	llamux_requester_put(&c->owner);
	llamux_user_put(c->user);
	kfree_sensitive(c);
}

int llamux_conversation_lock_idle(struct llamux_conversation *c)
{
	if (llamux_answer_is_read(&c->answer))
		return -EBUSY;
	if (llamux_producer_halt(&c->producer) ||
	    mutex_lock_interruptible(&c->computation.lock))
		return -ERESTARTSYS;
	mutex_lock(&c->answer.lock);
	if (!llamux_answer_is_read(&c->answer))
		return 0;
	llamux_conversation_unlock(c);
	return -EBUSY;
}

void llamux_conversation_unlock(struct llamux_conversation *c)
{
	mutex_unlock(&c->answer.lock);
	mutex_unlock(&c->computation.lock);
}

u64 llamux_conversation_write(struct llamux_conversation *c, u64 serial)
{
	lockdep_assert_held(&c->computation.lock);
	if (llamux_answer_is_open(&c->answer, serial))
		return serial;
	if (c->kind != LLAMUX_CHAT)
		llamux_computation_free(&c->computation);
	return llamux_answer_renew(&c->answer);
}

void llamux_conversation_reset(struct llamux_conversation *c)
{
	lockdep_assert_held(&c->computation.lock);
	llamux_computation_free(&c->computation);
	llamux_answer_renew(&c->answer);
}

/* Wait for a slot and the computation's lock. */
static int acquire(struct llamux_conversation *c, struct llamux_slot *slot,
		   const struct llama_yield *yield)
{
	int err = llamux_slot_acquire(slot, llamux_user_share(c->user), yield);

	if (err)
		return err;
	if (!mutex_lock_interruptible(&c->computation.lock))
		return 0;
	llamux_slot_release(slot);
	return -ERESTARTSYS;
}

static void release(struct llamux_conversation *c, const struct llamux_slot *slot)
{
	mutex_unlock(&c->computation.lock);
	llamux_slot_release(slot);
}

/* Return: whether an error lies in the prompt, so that another attempt would fail likewise. */
static bool is_final(int err)
{
	return err == -EMSGSIZE || err == -EINVAL;
}

/* Let the computation take the prompt. */
static int begin(struct llamux_conversation *c, const struct llama_yield *yield)
{
	struct llamux_figures f = { };
	const struct llamux_options *o;
	int err;

	if (!llamux_answer_is_whole(&c->answer))
		return -EILSEQ;
	llamux_figures_copy(&c->figures, &f);
	o = llamux_options_latest(&c->options);
	err = llamux_computation_begin(&c->computation, o, llamux_answer_prompt(&c->answer), &f,
				       yield);
	llamux_options_put(o);
	if (err && !is_final(err))
		return err;
	llamux_answer_begin(&c->answer, err);
	if (!err)
		llamux_figures_copy(&c->figures, &f);
	return 0;
}

/* Compute a step and publish what it wrote. */
static int step(struct llamux_conversation *c, const struct llama_yield *yield)
{
	struct llamux_computation *comp = &c->computation;
	struct llamux_figures f = c->figures;
	const char *text;
	bool done;
	long n = llamux_answer_reserve(&c->answer, llamux_computation_out_size(comp));

	if (!n)
		n = llamux_computation_step(comp, &text, &f, yield);
	if (n < 0)
		return n;
	llamux_figures_copy(&c->figures, &f);
	done = llamux_computation_is_done(comp);
	llamux_answer_add(&c->answer, text, n, done);
	if (done)
		llamux_computation_finish(comp);
	return 0;
}

int llamux_conversation_advance(struct llamux_conversation *c, const struct llamux_cursor *at,
				const struct llama_yield *yield)
{
	struct llamux_slot slot;
	int err = acquire(c, &slot, yield);

	if (err)
		return err;
	switch (llamux_answer_need(&c->answer, at)) {
	case LLAMUX_NEED_BEGIN:
		err = begin(c, yield);
		break;
	case LLAMUX_NEED_STEP:
		err = step(c, yield);
		break;
	case LLAMUX_NEED_NOTHING:
		break;
	}
	release(c, &slot);
	llamux_answer_wake(&c->answer);
	return err;
}

/* Begin with a candidate, and before the first one with the prompt. */
static int begin_score(struct llamux_conversation *c, struct llama_score *s, struct gguf_str text,
		       bool end, const struct llama_yield *yield)
{
	int err = 0;

	if (!llamux_answer_prompt(&c->answer).len)
		return -ENODATA;
	if (!llamux_answer_has_begun(&c->answer))
		err = begin(c, yield);
	if (!err)
		err = llamux_answer_error(&c->answer);
	return err ? err : llamux_computation_score_begin(&c->computation, s, text, end, yield);
}

int llamux_conversation_score(struct llamux_conversation *c, struct llama_score *s,
			      struct gguf_str text, bool end, const struct llama_yield *yield)
{
	struct llamux_slot slot;
	int err = acquire(c, &slot, yield);

	if (err)
		return err;
	err = begin_score(c, s, text, end, yield);
	release(c, &slot);
	while (!err && !s->done) {
		err = acquire(c, &slot, yield);
		if (err)
			break;
		err = llamux_computation_score_step(&c->computation, s, yield);
		release(c, &slot);
	}
	return err;
}

void llamux_conversation_figures(const struct llamux_conversation *c, struct llamux_figures *f)
{
	llamux_figures_copy(f, &c->figures);
}

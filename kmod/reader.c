// SPDX-License-Identifier: GPL-2.0
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "reader.h"

int llamux_yield_caller(void *unused)
{
	cond_resched();
	return signal_pending(current) ? -ERESTARTSYS : 0;
}

int llamux_open(struct llamux_reader *r, enum llamux_kind kind, bool private)
{
	struct llamux_conversation *c = llamux_conversation_open(kind, private);

	if (IS_ERR(c))
		return PTR_ERR(c);
	*r = (struct llamux_reader){ .c = c };
	return 0;
}

/* Answer lock held. The answer is among those that the user is owed at once, or no longer. */
static bool count(struct llamux_conversation *c, bool counted)
{
	if (counted && !c->counted && !llamux_user_take(c->user, LLAMUX_PROMPTS, 1))
		return false;
	if (!counted && c->counted)
		llamux_user_return(c->user, LLAMUX_PROMPTS, 1);
	c->counted = counted;
	return true;
}

/* Answer lock held. The answer is owed to the file. */
static int claim(struct llamux_reader *r)
{
	struct llamux_conversation *c = r->c;

	if (!count(c, !c->done))
		return -EBUSY;
	if (!r->streaming)
		WRITE_ONCE(c->streaming, c->streaming + 1);
	r->streaming = true;
	return 0;
}

/* Answer lock held. It is not. */
static void waive(struct llamux_reader *r)
{
	struct llamux_conversation *c = r->c;

	if (!r->streaming)
		return;
	r->streaming = false;
	WRITE_ONCE(c->streaming, c->streaming - 1);
	if (c->streaming)
		return;
	count(c, false);
	wake_up_all(&c->wait);
}

void llamux_close(struct llamux_reader *r)
{
	mutex_lock(&r->c->answer_lock);
	waive(r);
	mutex_unlock(&r->c->answer_lock);
	llamux_conversation_close(r->c);
}

/* Both locks, when nobody reads. */
static int lock_idle(struct llamux_conversation *c)
{
	if (READ_ONCE(c->streaming))
		return -EBUSY;
	if (llamux_maker_halt(c) || mutex_lock_interruptible(&c->lock))
		return -ERESTARTSYS;
	mutex_lock(&c->answer_lock);
	if (!c->streaming)
		return 0;
	mutex_unlock(&c->answer_lock);
	mutex_unlock(&c->lock);
	return -EBUSY;
}

static void unlock(struct llamux_conversation *c)
{
	mutex_unlock(&c->answer_lock);
	mutex_unlock(&c->lock);
}

/* Both locks held. Put @more at the end of the prompt, or leave that as it is. */
static int append(struct llamux_conversation *c, const struct llamux_text *more)
{
	size_t n = c->prompt.n - c->valid + more->n, tail;

	if (more->n > llamux_engine_limits()->max_prompt - c->prompt.n)
		return -EMSGSIZE;
	if (llamux_text_reserve(&c->prompt, more->n))
		return -ENOMEM;
	memcpy(llamux_text_end(&c->prompt), more->memory.data, more->n);
	if (llama_utf8_check((char *)c->prompt.memory.data + c->valid, n, &tail))
		return -EILSEQ;
	c->prompt.n = c->valid + n;
	c->valid = c->prompt.n - tail;
	return 0;
}

/* Whether what the file writes goes on with its prompt. Either lock held. */
static bool is_writing(const struct llamux_reader *r)
{
	return r->writing && r->writing == r->c->serial && !r->c->begun;
}

/* All that the caller has, while nobody waits for its pages. */
static int fetch(struct llamux_text *text, struct iov_iter *from)
{
	size_t n = iov_iter_count(from);

	if (n > llamux_engine_limits()->max_prompt)
		return -EMSGSIZE;
	if (llamux_text_reserve(text, n))
		return -ENOMEM;
	if (!copy_from_iter_full(text->memory.data, n, from))
		return -EFAULT;
	text->n = n;
	return memchr(text->memory.data, 0, n) ? -EINVAL : 0;
}

ssize_t llamux_write(struct llamux_reader *r, struct iov_iter *from)
{
	struct llamux_conversation *c = r->c;
	struct llamux_text text = { };
	size_t n = iov_iter_count(from);
	int bad, err;

	if (!n)
		return 0;
	bad = fetch(&text, from);
	err = lock_idle(c);
	if (!err) {
		if (!is_writing(r)) {
			llamux_conversation_renew(c);
			r->writing = ++c->serial;
		}
		err = bad ? bad : append(c, &text);
		unlock(c);
	}
	llamux_memory_wipe(&text.memory);
	return err ? err : n;
}

/* Answer lock held. Begin with the newest answer. */
static void turn_to(struct llamux_reader *r)
{
	if (r->reading == r->c->serial)
		return;
	waive(r);
	r->reading = r->c->serial;
	r->pos = 0;
}

/* Answer lock held. Return: whether there is something to say at once; -EAGAIN in @said if not. */
static bool is_ready(struct llamux_reader *r, int *said)
{
	struct llamux_conversation *c = r->c;

	turn_to(r);
	*said = 0;
	if (r->pos < c->answer.n)
		return true;
	if (c->failure)
		*said = c->failure;
	else if (c->done)
		*said = c->error;
	else if (!c->begun && !llamux_conversation_prompt(c).len)
		*said = -ENODATA;
	else if (!c->begun && c->valid != c->prompt.n)
		*said = -EILSEQ;
	else
		*said = claim(r) ? -EBUSY : -EAGAIN;
	return *said != -EAGAIN;
}

/*
 * Answer lock held, which nobody may wait for as long as a page takes that a filesystem
 * of the caller's own has to bring. Return: bytes; -EFAULT where none of @to is in memory.
 */
static ssize_t copy(struct llamux_reader *r, struct iov_iter *to)
{
	struct llamux_conversation *c = r->c;
	const char *text = c->answer.memory.data;
	size_t n;

	if (claim(r))
		return -EBUSY;
	pagefault_disable();
	n = copy_to_iter(text + r->pos, min(iov_iter_count(to), c->answer.n - r->pos), to);
	pagefault_enable();
	if (!n)
		return -EFAULT;
	r->pos += n;
	c->taken = max(c->taken, r->pos);
	return n;
}

/* Return: bytes, 0 at the end, -errno; -EAGAIN where more has to be made. */
static ssize_t take(struct llamux_reader *r, struct iov_iter *to)
{
	struct llamux_conversation *c = r->c;
	ssize_t got;
	int said;

	if (mutex_lock_interruptible(&c->answer_lock))
		return -ERESTARTSYS;
	if (!is_ready(r, &said)) {
		got = -EAGAIN;
	} else if (r->pos < c->answer.n) {
		got = copy(r, to);
	} else {
		got = said;
		c->failure = 0;
		if (!c->begun || c->done)
			waive(r);
	}
	mutex_unlock(&c->answer_lock);
	return got;
}

/* Make some more. */
static int advance(struct llamux_reader *r, const struct llama_yield *yield)
{
	struct llamux_conversation *c = r->c;
	size_t have;
	u64 serial;
	int err;

	mutex_lock(&c->answer_lock);
	serial = r->reading;
	have = r->pos;
	mutex_unlock(&c->answer_lock);
	err = llamux_conversation_advance(c, serial, have, yield);
	if (!err)
		return 0;
	mutex_lock(&c->answer_lock);
	if (!c->begun)
		waive(r);
	mutex_unlock(&c->answer_lock);
	return err;
}

/* Have the conversation's thread do so. */
static int ask(struct llamux_reader *r)
{
	int err;

	mutex_lock(&r->c->answer_lock);
	err = llamux_maker_start(r->c);
	mutex_unlock(&r->c->answer_lock);
	return err ? err : -EAGAIN;
}

/* Take over options where what comes next is a new answer's beginning. */
static int follow(struct llamux_conversation *c)
{
	bool begun;

	if (mutex_lock_interruptible(&c->answer_lock))
		return -ERESTARTSYS;
	begun = c->begun;
	mutex_unlock(&c->answer_lock);
	return begun ? 0 : llamux_conversation_follow(c);
}

ssize_t llamux_read(struct llamux_reader *r, struct iov_iter *to, bool wait,
		    const struct llama_yield *yield)
{
	ssize_t got;

	if (!iov_iter_count(to))
		return 0;
	got = follow(r->c);
	while (!got) {
		got = take(r, to);
		if (got == -EAGAIN)
			got = wait ? advance(r, yield) : ask(r);
		else if (got == -EFAULT && !fault_in_iov_iter_writeable(to, 1))
			got = 0;
		else
			return got;
	}
	return got;
}

__poll_t llamux_poll(struct llamux_reader *r, __poll_t wanted)
{
	struct llamux_conversation *c = r->c;
	bool in = wanted & (EPOLLIN | EPOLLRDNORM);
	int err = in ? follow(c) : 0;
	__poll_t can = 0;
	int said;

	/* Who is sent a signal polls no longer. */
	if (err == -ERESTARTSYS || mutex_lock_interruptible(&c->answer_lock))
		return 0;
	if (in && (err || is_ready(r, &said) || llamux_maker_start(c)))
		can |= EPOLLIN | EPOLLRDNORM;
	if (!c->streaming)
		can |= EPOLLOUT | EPOLLWRNORM;
	mutex_unlock(&c->answer_lock);
	return can;
}

int llamux_forget(struct llamux_reader *r)
{
	struct llamux_conversation *c = r->c;
	int err;

	mutex_lock(&c->answer_lock);
	waive(r);
	mutex_unlock(&c->answer_lock);
	err = lock_idle(c);
	if (err)
		return err;
	llamux_conversation_forget(c);
	c->serial++;
	unlock(c);
	return 0;
}

int llamux_forget_dialogue(const struct llamux_conversation *c)
{
	struct llamux_reader r = { .c = llamux_conversation_sibling(c, LLAMUX_CHAT) };
	int err;

	if (!r.c)
		return 0;
	err = llamux_forget(&r);
	llamux_close(&r);
	return err;
}

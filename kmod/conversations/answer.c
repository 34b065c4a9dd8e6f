// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "answer.h"
#include "llama_core.h"
#include "resources/user.h"

#define AHEAD 4096	/* bytes that may be computed before a file reads them */

void llamux_answer_init(struct llamux_answer *a, struct llamux_user *user)
{
	memset(a, 0, sizeof(*a));
	mutex_init(&a->lock);
	init_waitqueue_head(&a->wait);
	a->user = user;
}

void llamux_answer_free(struct llamux_answer *a)
{
	llamux_text_free(&a->prompt);
	llamux_text_free(&a->text);
}

u64 llamux_answer_renew(struct llamux_answer *a)
{
	lockdep_assert_held(&a->lock);
	llamux_answer_free(a);
	a->valid = 0;
	WRITE_ONCE(a->begun, false);
	a->done = false;
	a->error = 0;
	a->failure = 0;
	a->taken = 0;
	return ++a->serial;
}

int llamux_answer_append(struct llamux_answer *a, const struct llamux_text *more, size_t max)
{
	size_t n = a->prompt.n - a->valid + more->n, tail;

	lockdep_assert_held(&a->lock);
	if (more->n > max - a->prompt.n)
		return -EMSGSIZE;
	if (llamux_text_reserve(&a->prompt, more->n))
		return -ENOMEM;
	memcpy(llamux_text_end(&a->prompt), more->memory.data, more->n);
	if (llama_utf8_check((char *)a->prompt.memory.data + a->valid, n, &tail))
		return -EILSEQ;
	a->prompt.n = a->valid + n;
	a->valid = a->prompt.n - tail;
	return 0;
}

bool llamux_answer_is_open(const struct llamux_answer *a, u64 serial)
{
	lockdep_assert_held(&a->lock);
	return serial && serial == a->serial && !a->begun;
}

struct gguf_str llamux_answer_prompt(const struct llamux_answer *a)
{
	const char *text = a->prompt.memory.data;
	u32 n = a->prompt.n;

	/* `echo` ends what it writes in a newline. */
	if (n && text[n - 1] == '\n')
		n--;
	return (struct gguf_str){ .data = text, .len = n };
}

bool llamux_answer_is_whole(const struct llamux_answer *a)
{
	return a->valid == a->prompt.n;
}

bool llamux_answer_has_begun(const struct llamux_answer *a)
{
	return READ_ONCE(a->begun);
}

bool llamux_answer_is_read(const struct llamux_answer *a)
{
	return READ_ONCE(a->readers);
}

enum llamux_need llamux_answer_need(struct llamux_answer *a, const struct llamux_cursor *at)
{
	enum llamux_need need = LLAMUX_NEED_NOTHING;

	mutex_lock(&a->lock);
	if (a->serial == at->serial && !a->begun)
		need = LLAMUX_NEED_BEGIN;
	else if (a->serial == at->serial && !a->done && a->text.n <= at->pos)
		need = LLAMUX_NEED_STEP;
	mutex_unlock(&a->lock);
	return need;
}

void llamux_answer_begin(struct llamux_answer *a, int err)
{
	mutex_lock(&a->lock);
	WRITE_ONCE(a->begun, true);
	a->done = err;
	a->error = err;
	mutex_unlock(&a->lock);
}

int llamux_answer_error(struct llamux_answer *a)
{
	int err;

	mutex_lock(&a->lock);
	err = a->error;
	mutex_unlock(&a->lock);
	return err;
}

int llamux_answer_reserve(struct llamux_answer *a, size_t n)
{
	int err;

	mutex_lock(&a->lock);
	err = llamux_text_reserve(&a->text, n);
	mutex_unlock(&a->lock);
	return err;
}

void llamux_answer_add(struct llamux_answer *a, const char *text, size_t n, bool done)
{
	mutex_lock(&a->lock);
	llamux_text_add(&a->text, text, n);
	a->done = done;
	mutex_unlock(&a->lock);
}

void llamux_answer_wake(struct llamux_answer *a)
{
	wake_up_all(&a->wait);
}

void llamux_answer_wait(struct llamux_answer *a, struct file *file, poll_table *table)
{
	poll_wait(file, &a->wait, table);
}

bool llamux_answer_is_wanted(struct llamux_answer *a, struct llamux_cursor *end)
{
	bool wanted;

	mutex_lock(&a->lock);
	wanted = a->readers && !a->done && !a->failure && a->text.n < a->taken + AHEAD;
	*end = (struct llamux_cursor){ .serial = a->serial, .pos = a->text.n };
	mutex_unlock(&a->lock);
	return wanted;
}

void llamux_answer_fail(struct llamux_answer *a, int err)
{
	mutex_lock(&a->lock);
	a->failure = err;
	mutex_unlock(&a->lock);
	wake_up_all(&a->wait);
}

/* Charge the user's quota for the answer, or give it back. Return: whether the quota allows it. */
static bool charge(struct llamux_answer *a, bool charged)
{
	lockdep_assert_held(&a->lock);
	if (charged && !a->charged && !llamux_user_reserve(a->user, LLAMUX_QUOTA_PROMPTS, 1))
		return false;
	if (!charged && a->charged)
		llamux_user_release(a->user, LLAMUX_QUOTA_PROMPTS, 1);
	a->charged = charged;
	return true;
}

/* Begin to stream. Return: 0, or -EBUSY past the user's quota. */
static int join(struct llamux_answer *a, struct llamux_cursor *cur)
{
	if (!charge(a, !a->done))
		return -EBUSY;
	if (!cur->streaming)
		WRITE_ONCE(a->readers, a->readers + 1);
	cur->streaming = true;
	return 0;
}

/* Stop streaming. */
static void leave(struct llamux_answer *a, struct llamux_cursor *cur)
{
	lockdep_assert_held(&a->lock);
	if (!cur->streaming)
		return;
	cur->streaming = false;
	WRITE_ONCE(a->readers, a->readers - 1);
	if (a->readers)
		return;
	charge(a, false);
	wake_up_all(&a->wait);
}

/* Move to the beginning of the newest answer. */
static void follow(struct llamux_answer *a, struct llamux_cursor *cur)
{
	if (cur->serial == a->serial)
		return;
	leave(a, cur);
	cur->serial = a->serial;
	cur->pos = 0;
}

/*
 * Return: whether a read need not wait. If it gives no bytes, @result is what it returns, and
 * -EAGAIN if it has to wait.
 */
static bool is_ready(struct llamux_answer *a, struct llamux_cursor *cur, int *result)
{
	follow(a, cur);
	*result = 0;
	if (cur->pos < a->text.n)
		return true;
	if (a->failure)
		*result = a->failure;
	else if (a->done)
		*result = a->error;
	else if (!a->begun && !llamux_answer_prompt(a).len)
		*result = -ENODATA;
	else if (!a->begun && !llamux_answer_is_whole(a))
		*result = -EILSEQ;
	else
		*result = join(a, cur) ? -EBUSY : -EAGAIN;
	return *result != -EAGAIN;
}

static ssize_t copy(struct llamux_answer *a, struct llamux_cursor *cur, struct iov_iter *to)
{
	const char *text = a->text.memory.data;
	size_t n;

	if (join(a, cur))
		return -EBUSY;
	/* A page may come from a filesystem of the caller's own, which could hold up the lock. */
	pagefault_disable();
	n = copy_to_iter(text + cur->pos, min(iov_iter_count(to), a->text.n - cur->pos), to);
	pagefault_enable();
	if (!n)
		return -EFAULT;
	cur->pos += n;
	a->taken = max(a->taken, cur->pos);
	return n;
}

ssize_t llamux_answer_read(struct llamux_answer *a, struct llamux_cursor *cur,
			   struct iov_iter *to)
{
	ssize_t got;
	int result;

	if (mutex_lock_interruptible(&a->lock))
		return -ERESTARTSYS;
	if (!is_ready(a, cur, &result)) {
		got = -EAGAIN;
	} else if (cur->pos < a->text.n) {
		got = copy(a, cur, to);
	} else {
		got = result;
		a->failure = 0;
		if (!a->begun || a->done)
			leave(a, cur);
	}
	mutex_unlock(&a->lock);
	return got;
}

int llamux_answer_poll(struct llamux_answer *a, struct llamux_cursor *cur, bool in,
		       __poll_t *can)
{
	int result;

	if (mutex_lock_interruptible(&a->lock))
		return -ERESTARTSYS;
	*can = 0;
	if (in && is_ready(a, cur, &result))
		*can |= EPOLLIN | EPOLLRDNORM;
	if (!a->readers)
		*can |= EPOLLOUT | EPOLLWRNORM;
	mutex_unlock(&a->lock);
	return 0;
}

struct llamux_cursor llamux_answer_place(struct llamux_answer *a, const struct llamux_cursor *cur)
{
	struct llamux_cursor place;

	mutex_lock(&a->lock);
	place = *cur;
	mutex_unlock(&a->lock);
	return place;
}

void llamux_answer_leave(struct llamux_answer *a, struct llamux_cursor *cur)
{
	mutex_lock(&a->lock);
	leave(a, cur);
	mutex_unlock(&a->lock);
}

void llamux_answer_withdraw(struct llamux_answer *a, struct llamux_cursor *cur)
{
	mutex_lock(&a->lock);
	if (!a->begun)
		leave(a, cur);
	mutex_unlock(&a->lock);
}

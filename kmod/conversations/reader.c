// SPDX-License-Identifier: GPL-2.0
#include <linux/err.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "reader.h"

int llamux_reader_open(struct llamux_reader *r, const struct llamux_requester *who,
		       enum llamux_kind kind, bool private)
{
	struct llamux_conversation *c = llamux_sessions_open(who, kind, private);

	if (IS_ERR(c))
		return PTR_ERR(c);
	*r = (struct llamux_reader){ .c = c };
	return 0;
}

void llamux_reader_close(struct llamux_reader *r)
{
	llamux_answer_leave(&r->c->answer, &r->cursor);
	llamux_sessions_close(r->c);
}

/* Copy the whole of @from before any lock is taken: its pages may take long to come. */
static int fetch(struct llamux_text *text, struct iov_iter *from)
{
	size_t n = iov_iter_count(from);

	if (n > llamux_sessions_limits()->max_prompt)
		return -EMSGSIZE;
	if (llamux_text_reserve(text, n))
		return -ENOMEM;
	if (!copy_from_iter_full(text->memory.data, n, from))
		return -EFAULT;
	text->n = n;
	return memchr(text->memory.data, 0, n) ? -EINVAL : 0;
}

ssize_t llamux_reader_write(struct llamux_reader *r, struct iov_iter *from)
{
	struct llamux_conversation *c = r->c;
	struct llamux_text text = { };
	size_t n = iov_iter_count(from);
	int bad, err;

	if (!n)
		return 0;
	bad = fetch(&text, from);
	err = llamux_conversation_lock_idle(c);
	if (!err) {
		r->writing = llamux_conversation_write(c, r->writing);
		err = bad ? bad : llamux_answer_append(&c->answer, &text,
						       llamux_sessions_limits()->max_prompt);
		llamux_conversation_unlock(c);
	}
	llamux_memory_wipe(&text.memory);
	return err ? err : n;
}

/* Compute one step in the calling task. */
static int advance(struct llamux_reader *r, const struct llama_yield *yield)
{
	struct llamux_cursor at = llamux_answer_place(&r->c->answer, &r->cursor);
	int err = llamux_conversation_advance(r->c, &at, yield);

	if (err)
		llamux_answer_withdraw(&r->c->answer, &r->cursor);
	return err;
}

/* Let the producer compute. */
static int request(struct llamux_reader *r)
{
	int err = llamux_producer_start(&r->c->producer);

	return err ? err : -EAGAIN;
}

/* Before an answer begins, its options may change. */
static void update_options(struct llamux_conversation *c)
{
	if (!llamux_answer_has_begun(&c->answer))
		llamux_sessions_inherit_options(c);
}

ssize_t llamux_reader_read(struct llamux_reader *r, struct iov_iter *to, bool wait,
			   const struct llama_yield *yield)
{
	ssize_t got = 0;

	if (!iov_iter_count(to))
		return 0;
	update_options(r->c);
	while (!got) {
		got = llamux_answer_read(&r->c->answer, &r->cursor, to);
		if (got == -EAGAIN)
			got = wait ? advance(r, yield) : request(r);
		else if (got == -EFAULT && !fault_in_iov_iter_writeable(to, 1))
			got = 0;
		else
			return got;
	}
	return got;
}

__poll_t llamux_reader_poll(struct llamux_reader *r, struct file *file, poll_table *table)
{
	struct llamux_conversation *c = r->c;
	bool in = poll_requested_events(table) & (EPOLLIN | EPOLLRDNORM);
	__poll_t can;

	llamux_answer_wait(&c->answer, file, table);
	if (in)
		update_options(c);
	/* A task with a signal polls no longer. */
	if (llamux_answer_poll(&c->answer, &r->cursor, in, &can))
		return 0;
	if (in && !(can & EPOLLIN) && llamux_producer_start(&c->producer))
		can |= EPOLLIN | EPOLLRDNORM;
	return can;
}

int llamux_reader_reset(struct llamux_reader *r)
{
	int err;

	llamux_answer_leave(&r->c->answer, &r->cursor);
	err = llamux_conversation_lock_idle(r->c);
	if (err)
		return err;
	llamux_conversation_reset(r->c);
	llamux_conversation_unlock(r->c);
	return 0;
}

int llamux_reader_reset_dialogue(const struct llamux_conversation *c)
{
	struct llamux_reader r = { .c = llamux_sessions_sibling(c, LLAMUX_CHAT) };
	int err;

	if (!r.c)
		return 0;
	err = llamux_reader_reset(&r);
	llamux_reader_close(&r);
	return err;
}

// SPDX-License-Identifier: GPL-2.0
/* Functions for other modules; include/llamux.h describes them. */
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "llama_core.h"
#include "include/llamux.h"
#include "conversations/reader.h"

#define PIECE 256	/* bytes of an answer that are read at a time */

/**
 * struct call - Call of llamux_ask() or llamux_score().
 * @r:        Request.
 * @deadline: Time when the call fails with -ETIME.
 * @reader:   Reader of a private conversation.
 * @yield:    Hook that stops the call.
 */
struct call {
	struct llamux_request *r;
	ktime_t deadline;
	struct llamux_reader reader;
	struct llama_yield yield;
};

/* Return: 0 to go on; -ERESTARTSYS, -ECANCELED or -ETIME to stop. */
static int yield_call(void *arg)
{
	const struct call *call = arg;
	int err = llamux_requester_yield(NULL);

	if (err)
		return err;
	if (READ_ONCE(call->r->cancelled))
		return -ECANCELED;
	return ktime_after(ktime_get(), call->deadline) ? -ETIME : 0;
}

static int check_text(const char *text)
{
	size_t tail;

	return llama_utf8_check(text, strlen(text), &tail) || tail ? -EILSEQ : 0;
}

static int set_options(struct llamux_conversation *c, const struct llamux_request *r)
{
	struct llamux_options *o = llamux_options_prepare(NULL);
	int err = o ? llamux_options_request(o, r) : -ENOMEM;

	if (!err)
		llamux_options_publish(&c->options, o);
	llamux_options_put(o);
	return err;
}

static int write_prompt(struct llamux_reader *reader, const char *prompt)
{
	struct kvec text = { .iov_base = (char *)prompt, .iov_len = strlen(prompt) };
	struct iov_iter from;
	ssize_t n;

	iov_iter_kvec(&from, WRITE, &text, 1, text.iov_len);
	n = llamux_reader_write(reader, &from);
	return min_t(ssize_t, n, 0);
}

/* Return: the errno that llamux.h documents. */
static int translate(int err)
{
	return err == -ERESTARTSYS ? -EINTR : err;
}

static int open_private(struct llamux_reader *reader)
{
	struct llamux_requester who;
	int err;

	llamux_requester_current(&who);
	err = llamux_reader_open(reader, &who, LLAMUX_PROMPT, true);
	llamux_requester_put(&who);
	return err;
}

static int begin(struct call *call, struct llamux_request *r)
{
	int err;

	might_sleep();
	call->r = r;
	call->deadline = r->timeout_ms ? ktime_add_ms(ktime_get(), r->timeout_ms) : KTIME_MAX;
	call->yield = (struct llama_yield){ .fn = yield_call, .arg = call };
	err = open_private(&call->reader);
	if (err)
		return err;
	err = set_options(call->reader.c, r);
	if (!err)
		err = write_prompt(&call->reader, r->prompt);
	if (err)
		llamux_reader_close(&call->reader);
	return translate(err);
}

/* Pass @n bytes of the answer, whole characters, to the caller's buffer and function. */
static int deliver(struct llamux_request *r, const char *text, size_t n)
{
	size_t room = r->size ? r->size - 1 - r->n : n;
	size_t fits = n, cut = 0;

	if (n > room) {
		llama_utf8_check(text, room, &cut);
		fits = room - cut;
	}
	if (r->size) {
		memcpy(r->answer + r->n, text, fits);
		r->n += fits;
		r->answer[r->n] = '\0';
	}
	if (r->stream && fits && r->stream(r, text, fits))
		return -ECANCELED;
	return fits < n ? -ENOSPC : 0;
}

static int read_answer(struct call *call)
{
	char piece[PIECE];
	size_t held = 0;	/* bytes of an incomplete character at the end of @piece */

	for (;;) {
		struct kvec room = { .iov_base = piece + held, .iov_len = PIECE - held };
		struct iov_iter to;
		ssize_t n = yield_call(call);
		size_t whole;
		int err;

		if (n)
			return n;
		iov_iter_kvec(&to, READ, &room, 1, room.iov_len);
		n = llamux_reader_read(&call->reader, &to, true, &call->yield);
		if (n <= 0)
			return n;
		n += held;
		llama_utf8_check(piece, n, &held);
		whole = n - held;
		err = deliver(call->r, piece, whole);
		if (err)
			return err;
		memmove(piece, piece + whole, held);
	}
}

int llamux_ask(struct llamux_request *r)
{
	struct call call;
	int err;

	r->n = 0;
	if (r->size)
		r->answer[0] = '\0';
	err = begin(&call, r);
	if (err)
		return err;
	err = read_answer(&call);
	llamux_reader_close(&call.reader);
	return translate(err);
}
EXPORT_SYMBOL_GPL(llamux_ask);

static int score_one(struct call *call, struct llama_score *s, struct llamux_candidate *candidate,
		     bool end)
{
	size_t n = strlen(candidate->text);
	struct gguf_str text = { candidate->text, n };
	int err = n > llamux_sessions_limits()->max_prompt ? -EMSGSIZE : check_text(text.data);

	if (!err)
		err = llamux_conversation_score(call->reader.c, s, text, end, &call->yield);
	if (err)
		return err;
	candidate->tokens = s->n;
	candidate->log_prob = s->log_prob;
	return 0;
}

static int score(struct call *call, struct llamux_candidate *candidates, u32 n, bool end)
{
	struct llama_score s = { };
	u32 i;
	int err = 0;

	for (i = 0; !err && i < n; i++)
		err = score_one(call, &s, &candidates[i], end);
	return err;
}

int llamux_score(struct llamux_request *r, struct llamux_candidate *candidates, u32 n, bool end)
{
	struct call call;
	struct llamux_user *user;
	u32 i;
	int err;

	for (i = 0; i < n; i++) {
		candidates[i].tokens = 0;
		candidates[i].log_prob = 0;
	}
	err = begin(&call, r);
	if (err)
		return err;
	user = call.reader.c->user;
	if (!llamux_user_reserve(user, LLAMUX_QUOTA_PROMPTS, 1)) {
		err = -EBUSY;
	} else {
		err = score(&call, candidates, n, end);
		llamux_user_release(user, LLAMUX_QUOTA_PROMPTS, 1);
	}
	llamux_reader_close(&call.reader);
	return translate(err);
}
EXPORT_SYMBOL_GPL(llamux_score);

void llamux_cancel(struct llamux_request *r)
{
	WRITE_ONCE(r->cancelled, true);
}
EXPORT_SYMBOL_GPL(llamux_cancel);

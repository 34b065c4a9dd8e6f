// SPDX-License-Identifier: GPL-2.0
/* Clients that wait for several answers in poll() and never in read(). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "chance.h"
#include "conversation.h"
#include "kinds.h"
#include "record.h"

#define MAX_POLLED 3
#define MAX_IDLE 3000		/* polls of 100 ms without a byte */

/**
 * struct polled - An answer that is read without blocking.
 * @q:    The question.
 * @c:    Its conversation.
 * @pos:  Bytes that were read.
 * @done: All of it was read, or it was wrong.
 */
struct polled {
	const struct question *q;
	struct conversation c;
	uint32_t pos;
	bool done;
};

/* Read what is there. Return: 1 if bytes or the end came, 0 if nothing did, or -errno. */
static int take(struct polled *p)
{
	const struct bytes *a = &p->q->answer;
	char data[256];
	ssize_t n = read(p->c.prompt, data, 1 + random_below(sizeof(data)));

	if (n < 0) {
		record_error(errno);
		return errno == EAGAIN || errno == ENOMEM ? 0 : -errno;
	}
	if (n > a->n - p->pos || memcmp(data, a->data + p->pos, n) || (!n && p->pos != a->n)) {
		answer_fail(p->q, p->pos, data, n);
		p->done = true;
		return 1;
	}
	p->pos += n;
	p->done = !n;
	record_add(n ? COUNT_BYTES : COUNT_COMPARED, n ? n : 1);
	return 1;
}

/* Read until all @n answers are done. Return: 0 or -errno. */
static int take_all(struct polled *polled, uint32_t n)
{
	struct pollfd ready[MAX_POLLED];
	uint32_t i, left = n, idle = 0;
	int got;

	for (i = 0; i < n; i++)
		ready[i] = (struct pollfd){ .fd = polled[i].c.prompt, .events = POLLIN };
	while (left && idle < MAX_IDLE) {
		if (poll(ready, n, 100) < 0)
			return -errno;
		idle++;
		for (i = 0; i < n; i++) {
			if (polled[i].done || (!ready[i].revents && random_below(4)))
				continue;
			got = take(&polled[i]);
			if (got < 0)
				return got;
			if (got)
				idle = 0;
			else
				pause_up_to(1000);
			if (polled[i].done) {
				ready[i].fd = -1;
				left--;
			}
		}
	}
	if (left)
		record_fail("%u of %u polled answers do not come", left, n);
	return 0;
}

/* Ask several questions in private conversations and poll for all answers. */
int run_polled(void)
{
	struct polled polled[MAX_POLLED] = { };
	uint32_t i, n = 1 + random_below(MAX_POLLED);
	int err = 0;

	for (i = 0; i < n && !err; i++) {
		struct polled *p = &polled[i];

		p->q = question_choose(&texts);
		err = conversation_ask_private(&p->c, p->q);
		if (!err && fcntl(p->c.prompt, F_SETFL, O_RDWR | O_NONBLOCK))
			err = -errno;
	}
	n = i;
	if (!err)
		err = take_all(polled, n);
	for (i = 0; i < n; i++)
		conversation_close(&polled[i].c, 0);
	return err;
}

// SPDX-License-Identifier: GPL-2.0
/* Answers, read in pieces and compared with the ones that the host computed. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../shared/array.h"
#include "answer.h"
#include "chance.h"
#include "io.h"
#include "record.h"

#define MAX_READ 65536

/* Change the priority and the processors of this process, one time in three. */
static void move(void)
{
	cpu_set_t processors;
	uint32_t i;

	if (random_below(3))
		return;
	CPU_ZERO(&processors);
	for (i = 0; i < 4; i++)
		if (random_below(2))
			CPU_SET(i, &processors);
	/* Both calls may fail: no such processor, or a priority that only root may raise. */
	if (!sched_setaffinity(0, sizeof(processors), &processors))
		record_add(COUNT_MOVES, 1);
	if (!setpriority(PRIO_PROCESS, 0, random_below(20)))
		record_add(COUNT_MOVES, 1);
}

/* Return the size of the next read, in bytes. */
static uint32_t how_many(enum manner manner)
{
	if (record->over)	/* end soon */
		return MAX_READ;
	switch (manner) {
	case SINGLE:
		return 1;
	case ODD:
		return 1 + random_below(9);
	case RESTLESS:
		move();
		return 1 + random_below(30);
	default:
		return MAX_READ;
	}
}

void answer_fail(const struct question *q, uint32_t pos, const char *got, uint32_t n)
{
	static const struct questions *const lists[] = { &texts, &logits, &dialogues, &others };
	const struct questions *all = &texts;
	const char *whose = "of no answer";
	uint32_t i;

	for (i = 0; i < ARRAY_SIZE(lists); i++)
		if (q >= lists[i]->list && q < lists[i]->list + lists[i]->n)
			all = lists[i];

	for (i = 0; i < all->n && n > 1; i++) {
		const struct bytes *a = &all->list[i].answer;

		if (a->n >= n && memmem(a->data, a->n, got, n)) {
			whose = "of another answer";
			break;
		}
	}
	record_fail("answer to question %td: %u bytes at %u of %u are wrong, they are %s",
		    q - all->list, n, pos, q->answer.n, whose);
}

long answer_read_some(int fd, const struct question *q, uint32_t pos, uint32_t limit,
		      enum manner manner)
{
	static char data[MAX_READ];
	uint64_t end = (uint64_t)pos + limit;
	uint32_t n, tries = 0;
	ssize_t got;

	while (pos < end) {
		n = how_many(manner);
		got = read(fd, data, n < end - pos ? n : end - pos);
		if (got < 0) {
			int err = errno;

			record_error(err);
			if (err == EINTR)
				record_add(COUNT_INTERRUPTIONS, 1);
			else if (err != ENOMEM || tries++ == IO_MAX_TRIES)
				return -err;
			else
				pause_up_to(IO_LATER_US);
			continue;
		}
		if (!got) {
			if (pos != q->answer.n)
				answer_fail(q, pos, "", 0);
			else
				record_add(COUNT_COMPARED, 1);
			break;
		}
		if (got > q->answer.n - pos || memcmp(data, q->answer.data + pos, got)) {
			answer_fail(q, pos, data, got);
			break;
		}
		pos += got;
		record_add(COUNT_BYTES, got);
	}
	return pos;
}

int answer_read(int fd, const struct question *q)
{
	long pos = answer_read_some(fd, q, 0, UINT32_MAX, random_below(N_MANNERS));

	return pos < 0 ? pos : 0;
}

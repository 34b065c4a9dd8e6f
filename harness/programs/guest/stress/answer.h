/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdint.h>

#include "questions.h"

/* Size of each read. */
enum manner {
	WHOLE,			/* as large as the buffer */
	ODD,			/* 1 to 9 bytes */
	SINGLE,			/* 1 byte */
	RESTLESS,		/* 1 to 30 bytes, with moves to other priorities and processors */
	N_MANNERS,
};

/**
 * answer_read_some() - Read a part of an answer and compare it.
 * @fd:     File to read.
 * @q:      Question that was asked.
 * @pos:    Bytes that were read before.
 * @limit:  Most bytes to read.
 * @manner: Size of each read.
 *
 * Return: The new position, or -errno. A wrong byte is recorded as a failure.
 */
long answer_read_some(int fd, const struct question *q, uint32_t pos, uint32_t limit,
		      enum manner manner);

/* Read a whole answer, in reads of any manner. Return: 0 or -errno. */
int answer_read(int fd, const struct question *q);

/* Record that the @n bytes at @got, at position @pos, are wrong, and whose answer has them. */
void answer_fail(const struct question *q, uint32_t pos, const char *got, uint32_t n);

#endif

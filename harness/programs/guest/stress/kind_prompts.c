// SPDX-License-Identifier: GPL-2.0
/* Clients that write prompts, whole or in pieces, or token ids, and read the answers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/procfs.h"
#include "answer.h"
#include "chance.h"
#include "conversation.h"
#include "io.h"
#include "kinds.h"
#include "record.h"

/* Ask in a private conversation. */
int run_private(void)
{
	const struct question *q = question_choose(&texts);
	struct conversation c;
	int err = conversation_ask_private(&c, q);

	if (!err)
		err = answer_read(c.prompt, q);
	return conversation_close(&c, err);
}

/* Ask up to three times in the session's conversation, as a person at a terminal does. */
int run_shared(void)
{
	uint32_t i, n = 1 + random_below(3);
	struct conversation c;
	int err = 0;

	for (i = 0; i < n && !err && !(i && record->over); i++) {
		const struct question *q = question_choose(&texts);

		err = conversation_ask_shared(&c, q);
		if (!err)
			err = answer_read(c.prompt, q);
		conversation_close(&c, 0);
	}
	return err;
}

/* Ask twice through one open file: its options stay the ones that it was opened with. */
int run_again(void)
{
	const struct question *q = question_choose(&texts);
	struct conversation c;
	int err = conversation_ask_private(&c, q);

	if (!err)
		err = answer_read(c.prompt, q);
	if (!err)
		err = io_write(c.prompt, q->prompt);
	if (!err)
		err = answer_read(c.prompt, q);
	return conversation_close(&c, err);
}

/*
 * Write a prompt in pieces that cut characters in two; in between, write what the module must
 * refuse without adding it to the prompt.
 */
int run_pieces(void)
{
	const struct question *q = question_choose(&texts);
	uint32_t n, pos = 0;
	struct conversation c;
	int err;

	c.prompt = -1;
	c.options = conversation_open_options(q);
	if (c.options < 0)
		return c.options;
	c.prompt = io_open(PROMPT, O_RDWR);
	err = c.prompt < 0 ? c.prompt : 0;
	while (!err && pos < q->prompt.n) {
		n = 1 + random_below(q->prompt.n - pos < 20 ? q->prompt.n - pos : 20);
		err = io_write(c.prompt, (struct bytes){ q->prompt.data + pos, n });
		pos += n;
		if (!err && !random_below(3) && io_write_once(c.prompt, "a\0b", 3) != -EINVAL)
			record_fail("the module took a NUL as part of a prompt");
		if (!err && !random_below(3) && io_write_once(c.prompt, "\xff", 1) != -EILSEQ)
			record_fail("the module took a prompt that is not UTF-8");
	}
	if (!err)
		err = answer_read(c.prompt, q);
	return conversation_close(&c, err);
}

/* Write a prompt while an answer streams: the module must refuse it until the answer is read. */
int run_busy(void)
{
	static void *volatile nowhere = (void *)1;	/* volatile: the compiler must not warn */
	const struct question *q = question_choose(&texts);
	struct conversation c;
	long pos;
	int fd, err = conversation_ask_shared(&c, q);

	if (err)
		return conversation_close(&c, err);
	pos = answer_read_some(c.prompt, q, 0, 1, SINGLE);
	if (pos == 1) {
		fd = io_open(PROMPT, O_WRONLY);
		if (fd >= 0) {
			err = io_write_once(fd, "another", 7);
			if (err != -EBUSY)
				record_fail("a prompt while an answer streamed gave %d", err);
			close(fd);
		}
		if (read(c.prompt, nowhere, 1) > 0)
			record_fail("a read to a bad address succeeded");
		pos = answer_read_some(c.prompt, q, pos, UINT32_MAX, ODD);
	}
	return conversation_close(&c, pos < 0 ? pos : 0);
}

/* Write token ids and read logits. */
int run_logits(void)
{
	const struct question *q = question_choose(&logits);
	char head[32];
	int fd = io_open(LOGITS, O_RDWR);
	int err;

	if (fd < 0)
		return fd;
	snprintf(head, sizeof(head), "batch %u ", 1 + random_below(64));
	err = io_write_once(fd, head, strlen(head));
	if (!err)
		err = io_write(fd, q->prompt);
	if (!err)
		err = answer_read(fd, q);
	close(fd);
	return err;
}

// SPDX-License-Identifier: GPL-2.0
/* Clients that use the dialogue file: one turn, or all turns of a dialogue. */
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "../../shared/procfs.h"
#include "answer.h"
#include "chance.h"
#include "conversation.h"
#include "io.h"
#include "kinds.h"
#include "record.h"

/* Ask once: the first turn of a dialogue has the answer of a plain prompt. */
int run_chat(void)
{
	const struct question *q = question_choose(&texts);
	struct conversation c = { .prompt = -1 };
	int err;

	c.options = conversation_open_options(q);
	if (c.options < 0)
		return c.options;
	c.prompt = io_open(CHAT, O_RDWR);
	err = c.prompt < 0 ? c.prompt : io_write(c.prompt, q->prompt);
	if (!err)
		err = answer_read(c.prompt, q);
	return conversation_close(&c, err);
}

/* Write a turn of the session's dialogue through a descriptor of its own. */
static int write_turn(const struct question *turn)
{
	int fd = io_open(CHAT, O_WRONLY);
	int err = fd < 0 ? fd : io_write(fd, turn->prompt);

	if (fd >= 0)
		close(fd);
	return err;
}

/* Hold a whole dialogue, in a private conversation or in the session's. */
int run_dialogue(void)
{
	const struct question *end = dialogues.list + dialogues.n;
	const struct question *turn = question_choose(&dialogues);
	bool shared = random_below(2);
	struct conversation c = { .prompt = -1 };
	int err;

	while (!turn->options.n)
		turn--;
	c.options = conversation_open_options(turn);
	if (c.options < 0)
		return c.options;
	c.prompt = io_open(CHAT, shared ? O_RDONLY : O_RDWR);
	err = c.prompt < 0 ? c.prompt : 0;
	if (!shared)
		conversation_drop_options(&c);
	do {
		if (!err)
			err = shared ? write_turn(turn) : io_write(c.prompt, turn->prompt);
		if (!err)
			err = answer_read(c.prompt, turn);
	} while (!err && !record->over && ++turn < end && !turn->options.n);
	return conversation_close(&c, err);
}

/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include "questions.h"

/**
 * struct conversation - Open files that keep a conversation alive.
 * @options: Descriptor of the file of options, or -1 or -errno.
 * @prompt:  Descriptor of the file that the answer is read from, or -1 or -errno.
 */
struct conversation {
	int options;
	int prompt;
};

/* Set the session's options. Return: a descriptor that keeps its conversation, or -errno. */
int conversation_open_options(const struct question *q);

/* Close the file of options: a private conversation has its own copy once it is open. */
void conversation_drop_options(struct conversation *c);

/* Ask in a private conversation. Return: 0 or -errno; conversation_close() is due in both cases. */
int conversation_ask_private(struct conversation *c, const struct question *q);

/*
 * Ask in the session's conversation, as `echo` does, and open its answer.
 * Return: 0 or -errno; conversation_close() is due in both cases.
 */
int conversation_ask_shared(struct conversation *c, const struct question *q);

/* Close the files. Return: @err. */
int conversation_close(struct conversation *c, int err);

#endif

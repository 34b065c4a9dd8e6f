/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: An open file's place in a conversation
 *
 * Nothing is computed until somebody reads, and then in the reader's own context:
 * its priority, its cgroups and its signals are the computation's. Those who poll
 * have it done for them (producer.h).
 */
#ifndef LLAMUX_READER_H
#define LLAMUX_READER_H

#include <linux/poll.h>
#include <linux/uio.h>

#include "sessions.h"

/**
 * struct llamux_reader - Where an open file is. Guarded by the conversation's answer_lock.
 * @c: The conversation.
 * @writing: Number of the prompt that this file is writing, 0 for none.
 * @reading: Number of the prompt whose answer it reads, 0 for none.
 * @pos: Bytes of that answer read.
 * @streaming: Has begun to read an answer, and neither reached its end nor closed.
 */
struct llamux_reader {
	struct llamux_conversation *c;
	u64 writing;
	u64 reading;
	size_t pos;
	bool streaming;
};

/**
 * llamux_open() - Join the caller's shared conversation, or a private one.
 * @r:       Filled where there is room.
 * @kind:    Of the conversation.
 * @private: Begin one that is this file's alone.
 * Return: 0, -ENOMEM, or -EUSERS where there is no room for one more conversation.
 */
int llamux_open(struct llamux_reader *r, enum llamux_kind kind, bool private);

/** llamux_close() - Leave it. A private conversation ends here. */
void llamux_close(struct llamux_reader *r);

/**
 * llamux_write() - Begin a prompt or go on with the one that this file is writing.
 * @r:    Open.
 * @from: All of it is taken.
 *
 * Return: bytes; -EBUSY while somebody reads the answer; -EMSGSIZE past
 * max_prompt; -EINVAL for a NUL; -EILSEQ for what is not UTF-8; -EFAULT,
 * -ENOMEM, -ERESTARTSYS. A failure adds nothing; a first write has already
 * dropped the prompt and answer that were there.
 */
ssize_t llamux_write(struct llamux_reader *r, struct iov_iter *from);

/**
 * llamux_read() - Bytes of the answer, made as they are needed.
 * @r:     Open.
 * @to:    As many bytes as it has room for, fewer where fewer are made.
 * @wait:  Whether to make them; otherwise the conversation's thread does.
 * @yield: Called between pieces of work, and while the user waits for a turn.
 *
 * Return: bytes, 0 at its end; -EAGAIN without @wait where there are none yet; -ENODATA without a
 * prompt; -EBUSY where the user has too many prompts being answered; -EILSEQ for a prompt that
 * ends within a character; -EMSGSIZE for one past the context; -EFAULT; and what
 * llamux_conversation_advance() says: nothing is lost, the next read goes on.
 */
ssize_t llamux_read(struct llamux_reader *r, struct iov_iter *to, bool wait,
		    const struct llama_yield *yield);

/**
 * llamux_poll() - What could be done at once.
 * @r:      Open.
 * @wanted: Asking for EPOLLIN has the answer made.
 * Return: EPOLLIN where a read gives bytes, the end or an error; EPOLLOUT where a new prompt
 * can be written.
 */
__poll_t llamux_poll(struct llamux_reader *r, __poll_t wanted);

/**
 * llamux_forget() - Drop prompt, answer and a dialogue's turns.
 * @r: Open.
 * Return: 0, -EBUSY while another file reads the answer, -ERESTARTSYS.
 */
int llamux_forget(struct llamux_reader *r);

/**
 * llamux_forget_dialogue() - Likewise the shared dialogue beside a conversation.
 * @c: Shared.
 * Return: as above; 0 where there is none.
 */
int llamux_forget_dialogue(const struct llamux_conversation *c);

/** llamux_yield_caller() - A hook that lets others run and heeds the caller's signals. */
int llamux_yield_caller(void *unused);

#endif

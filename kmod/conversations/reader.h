/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: An open file of a conversation
 *
 * A reader is what read(), write() and poll() of a file do. Nothing is computed until a file is
 * read, and then in the context of the task that reads: it has that task's priority, cgroups
 * and signals. Tasks that poll have a thread compute for them (producer.h).
 */
#ifndef LLAMUX_READER_H
#define LLAMUX_READER_H

#include <linux/poll.h>
#include <linux/uio.h>

#include "sessions.h"

/**
 * struct llamux_reader - An open file.
 * @c:       Conversation.
 * @writing: Number of the prompt that the file is writing; 0 for none. Guarded by the locks of the
 *           answer and the computation.
 * @cursor:  Place in the answer that it reads.
 */
struct llamux_reader {
	struct llamux_conversation *c;
	u64 writing;
	struct llamux_cursor cursor;
};

/**
 * llamux_reader_open() - Open a requester's shared conversation, or a private one.
 * @r:       Filled on success.
 * @who:     Requester.
 * @kind:    Kind of the conversation.
 * @private: Create a conversation for this file alone.
 * Return: 0, -ENOMEM, or -EUSERS if there is no room for one more conversation.
 */
int llamux_reader_open(struct llamux_reader *r, const struct llamux_requester *who,
		       enum llamux_kind kind, bool private);

/** llamux_reader_close() - Close the file. A private conversation is freed. */
void llamux_reader_close(struct llamux_reader *r);

/**
 * llamux_reader_write() - Begin a prompt, or go on with the one that this file is writing.
 * @r:    Reader.
 * @from: Bytes to write, all or none.
 *
 * Return: bytes; -EBUSY while a file streams the answer; -EMSGSIZE past max_prompt; -EINVAL for
 * a NUL; -EILSEQ if it is not UTF-8; -EFAULT; -ENOMEM; -ERESTARTSYS. A failure adds nothing, but a
 * first write has already dropped the former prompt and answer.
 */
ssize_t llamux_reader_write(struct llamux_reader *r, struct iov_iter *from);

/**
 * llamux_reader_read() - Read bytes of the answer, and compute them if needed.
 * @r:     Reader.
 * @to:    Room for the bytes; fewer come if no more are computed.
 * @wait:  Compute in the calling task. Otherwise start the producer.
 * @yield: Called between pieces of work, and while waiting for a slot.
 *
 * Return: bytes; 0 at the answer's end; -EAGAIN without @wait if there are none yet; -ENODATA
 * without a prompt; -EBUSY if the user has too many prompts being answered; -EILSEQ for a prompt
 * that ends within a character; -EMSGSIZE for a prompt past the context; -EFAULT; or as
 * llamux_conversation_advance(): nothing is lost then, and the next read goes on.
 */
ssize_t llamux_reader_read(struct llamux_reader *r, struct iov_iter *to, bool wait,
			   const struct llama_yield *yield);

/**
 * llamux_reader_poll() - Find out which operations would not wait.
 * @r:     Reader.
 * @file:  Its file.
 * @table: The poll's table. Asking for EPOLLIN starts the producer.
 * Return: EPOLLIN if a read gives bytes, the end or an error; EPOLLOUT if a prompt can be written.
 */
__poll_t llamux_reader_poll(struct llamux_reader *r, struct file *file, poll_table *table);

/**
 * llamux_reader_reset() - Drop prompt, answer and a dialogue's turns.
 * @r: Reader; it stops streaming.
 * Return: 0, -EBUSY while another file streams the answer, or -ERESTARTSYS.
 */
int llamux_reader_reset(struct llamux_reader *r);

/**
 * llamux_reader_reset_dialogue() - Reset the shared dialogue of a conversation's session.
 * @c: Shared conversation.
 * Return: as llamux_reader_reset(); 0 if there is no dialogue.
 */
int llamux_reader_reset_dialogue(const struct llamux_conversation *c);

#endif

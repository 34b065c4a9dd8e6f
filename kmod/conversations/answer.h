/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: A prompt and its answer, as files see them
 *
 * Readers, writers and pollers of a conversation meet here. The answer's lock is never held
 * while something is computed, so that no file waits for a computation that it does not need.
 *
 * A file's place is its cursor. A file that has begun to read and is not at the end is
 * streaming: the answer is computed only for streaming files, a new prompt has to wait for
 * them, and as long as there is one the answer counts against the quota of its user.
 *
 * Fields whose description says so change only while the computation's lock is held, too. So the
 * thread that computes may read the prompt without the answer's lock.
 */
#ifndef LLAMUX_ANSWER_H
#define LLAMUX_ANSWER_H

#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include "llama_core.h"
#include "resources/text.h"

struct llamux_user;

/**
 * struct llamux_cursor - Place of an open file in an answer. Guarded by the answer's lock.
 * @serial: Number of the prompt whose answer the file reads; 0 for none.
 * @pos:    Number of the answer's bytes before it.
 * @streaming: The file has begun to read this answer, and has neither reached its end nor closed.
 */
struct llamux_cursor {
	u64 serial;
	size_t pos;
	bool streaming;
};

/**
 * struct llamux_answer - A prompt and its answer.
 * @lock:    Guards all below and all cursors.
 * @wait:    Woken when there is more to read, or a prompt may be written.
 * @user:    User whose LLAMUX_QUOTA_PROMPTS is charged.
 * @serial:  Number of the prompt, from 1; 0 before the first. With the computation's lock.
 * @prompt:  Text of the prompt. With the computation's lock.
 * @valid:   Bytes of @prompt that are whole characters. With the computation's lock.
 * @begun:   The computation has taken the prompt. With the computation's lock.
 * @done:    The answer is complete, or ended with @error. With the computation's lock.
 * @error:   0 or -errno. With the computation's lock.
 * @text:    Text of the answer so far. With the computation's lock.
 * @readers: Number of streaming files; read without the lock, too.
 * @charged: The quota is charged.
 * @taken:   Bytes of @text that the foremost file has read.
 * @failure: Error of the thread that computes for pollers; 0 after a file was told.
 */
struct llamux_answer {
	struct mutex lock;
	wait_queue_head_t wait;
	struct llamux_user *user;
	u64 serial;
	struct llamux_text prompt;
	size_t valid;
	bool begun;
	bool done;
	int error;
	struct llamux_text text;
	u32 readers;
	bool charged;
	size_t taken;
	int failure;
};

/**
 * enum llamux_need - Next step of a computation, seen from a file's place in the answer.
 * @LLAMUX_NEED_NOTHING: The file can go on, or reads the answer to an older prompt.
 * @LLAMUX_NEED_BEGIN:   The prompt must be taken.
 * @LLAMUX_NEED_STEP:    More of the answer must be computed.
 */
enum llamux_need {
	LLAMUX_NEED_NOTHING,
	LLAMUX_NEED_BEGIN,
	LLAMUX_NEED_STEP,
};

/** llamux_answer_init() - Set up an answer of @user without a prompt. */
void llamux_answer_init(struct llamux_answer *a, struct llamux_user *user);

/** llamux_answer_free() - Overwrite and free the texts. No file is open any more. */
void llamux_answer_free(struct llamux_answer *a);

/** llamux_answer_renew() - Drop prompt and answer. Both locks held. Return: the new serial. */
u64 llamux_answer_renew(struct llamux_answer *a);

/**
 * llamux_answer_append() - Append text to the prompt. Both locks held.
 * @a:    Answer that has not begun.
 * @more: Text, which may begin or end within a character.
 * @max:  Bytes of a prompt at the most.
 * Return: 0; -EMSGSIZE, -ENOMEM, or -EILSEQ if it is not UTF-8, with the prompt unchanged.
 */
int llamux_answer_append(struct llamux_answer *a, const struct llamux_text *more, size_t max);

/** llamux_answer_is_open() - Return: whether prompt @serial can be appended to. @a->lock held. */
bool llamux_answer_is_open(const struct llamux_answer *a, u64 serial);

/** llamux_answer_prompt() - Return: the prompt without a newline at its end. Either lock held. */
struct gguf_str llamux_answer_prompt(const struct llamux_answer *a);

/** llamux_answer_is_whole() - Return: whether the prompt ends with a whole character. Likewise. */
bool llamux_answer_is_whole(const struct llamux_answer *a);

/** llamux_answer_has_begun() - Return: @a->begun, without a lock. */
bool llamux_answer_has_begun(const struct llamux_answer *a);

/** llamux_answer_is_read() - Return: whether a file is streaming, without a lock. */
bool llamux_answer_is_read(const struct llamux_answer *a);

/** llamux_answer_need() - Return: what a file at @at needs. The computation's lock held. */
enum llamux_need llamux_answer_need(struct llamux_answer *a, const struct llamux_cursor *at);

/**
 * llamux_answer_begin() - Publish that the prompt was taken. The computation's lock held.
 * @a:   Answer.
 * @err: 0, or an error that ends the answer.
 */
void llamux_answer_begin(struct llamux_answer *a, int err);

/** llamux_answer_error() - Return: the error that ended the answer, or 0. */
int llamux_answer_error(struct llamux_answer *a);

/** llamux_answer_reserve() - Make room for @n bytes of answer. Return: 0 or -ENOMEM. */
int llamux_answer_reserve(struct llamux_answer *a, size_t n);

/**
 * llamux_answer_add() - Publish more of the answer. The computation's lock held.
 * @a:    Answer with room for @n bytes.
 * @text: (n,) whole characters.
 * @n:    Bytes at @text, 0 or more.
 * @done: The answer is complete.
 */
void llamux_answer_add(struct llamux_answer *a, const char *text, size_t n, bool done);

/** llamux_answer_wake() - Wake all pollers. */
void llamux_answer_wake(struct llamux_answer *a);

/** llamux_answer_wait() - Let a poller be woken. */
void llamux_answer_wait(struct llamux_answer *a, struct file *file, poll_table *table);

/**
 * llamux_answer_is_wanted() - Find out whether the thread for pollers is to compute.
 * @a:   Answer.
 * @end: Filled with the answer's end.
 * Return: true while a file streams an answer that is neither done nor failed and of which less
 * than 4 KiB is unread.
 */
bool llamux_answer_is_wanted(struct llamux_answer *a, struct llamux_cursor *end);

/** llamux_answer_fail() - Let the next file that reads or polls know that computing failed. */
void llamux_answer_fail(struct llamux_answer *a, int err);

/**
 * llamux_answer_read() - Copy bytes of the answer, and begin to stream it.
 * @a:   Answer.
 * @cur: Place of the file; moves on.
 * @to:  Room in memory. Pages that are not there are not waited for.
 * Return: bytes; 0 at the end; -EAGAIN if more has to be computed; -EFAULT if no byte of @to is in
 * memory; -ENODATA without a prompt; -EILSEQ for a prompt that ends within a character; -EBUSY
 * past the user's quota; -ERESTARTSYS; or the answer's error.
 */
ssize_t llamux_answer_read(struct llamux_answer *a, struct llamux_cursor *cur,
			   struct iov_iter *to);

/**
 * llamux_answer_poll() - Find out which operations would not wait.
 * @a:   Answer.
 * @cur: Place of the file.
 * @in:  Look for EPOLLIN, too, and begin to stream.
 * @can: EPOLLIN if a read gives bytes, the end or an error; EPOLLOUT if a prompt can be written.
 * Return: 0 or -ERESTARTSYS.
 */
int llamux_answer_poll(struct llamux_answer *a, struct llamux_cursor *cur, bool in,
		       __poll_t *can);

/** llamux_answer_place() - Return: a copy of a file's cursor, taken under the lock. */
struct llamux_cursor llamux_answer_place(struct llamux_answer *a, const struct llamux_cursor *cur);

/** llamux_answer_leave() - Stop streaming, for instance because the file is closed. */
void llamux_answer_leave(struct llamux_answer *a, struct llamux_cursor *cur);

/** llamux_answer_withdraw() - Stop streaming an answer that could not begin. */
void llamux_answer_withdraw(struct llamux_answer *a, struct llamux_cursor *cur);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Conversations
 *
 * A conversation is a prompt and the answer to it, or, as a dialogue, a turn and all
 * that were before it. Nothing is computed until somebody reads, and then in the
 * reader's own context: its priority, its cgroups and its signals are the
 * computation's.
 *
 * A shared conversation belongs to a user and a terminal session, compared
 * as kernel objects; a private one to an open file. Locks, outer first:
 *
 *	engine's table lock	the list of conversations, their users and owners
 *	conversation->lock	everything else in a conversation but options
 *	conversation->options_lock	options
 *	registry's lock		the list of models
 *
 * conversation->lock is held for one step at a time: a token, or a batch of
 * the prompt.
 */
#ifndef LLAMUX_ENGINE_H
#define LLAMUX_ENGINE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/uidgid.h>

#include "ggml_kernel/generation.h"
#include "model.h"

#define LLAMUX_MAX_SYSTEM 4096	/* bytes of a system prompt */

/**
 * struct llamux_limits - Module parameters that bound the engine.
 * @max_conversations: Shared and private together.
 * @max_user_conversations: Of one user; 0 for no limit of its own.
 * @max_prompt: Bytes.
 */
struct llamux_limits {
	u32 max_conversations;
	u32 max_user_conversations;
	u32 max_prompt;
};

/**
 * struct llamux_options - What a caller chose.
 * @o: Its system prompt points to @system.
 * @system: Bytes.
 * @model: The model's name; "" for the default.
 */
struct llamux_options {
	struct llama_options o;
	char system[LLAMUX_MAX_SYSTEM];
	char model[LLAMUX_KEY];
};

/**
 * struct llamux_figures - Of the latest answer of a conversation, for people and programs.
 * Written under the conversation's lock, read without.
 */
struct llamux_figures {
	u64 prompt_tokens;
	u64 reused;	/* of them, not evaluated again */
	u64 tokens;
	u64 drafted;	/* guessed ahead */
	u64 accepted;	/* of them, right */
	u64 ttft_us;
	u64 prefill_us;
	u64 decode_us;
	u64 sampled;	/* tokens that the next two are sums over */
	s64 log_prob;	/* Q16, natural */
	s64 margin;	/* Q16 */
};

/**
 * enum llamux_kind - What a conversation remembers.
 * @LLAMUX_PROMPT: Nothing but its prompt.
 * @LLAMUX_CHAT:   A dialogue.
 */
enum llamux_kind {
	LLAMUX_PROMPT,
	LLAMUX_CHAT,
};

struct llamux_conversation;

/**
 * struct llamux_reader - An open file's place in a conversation.
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

/** llamux_engine_start() - Begin to serve. */
void llamux_engine_start(const struct llamux_limits *limits);

/** llamux_engine_stop() - Free every conversation. Nobody has a file open any more. */
void llamux_engine_stop(void);

/** llamux_engine_limits() - As given at the start. */
const struct llamux_limits *llamux_engine_limits(void);

/**
 * llamux_open() - Join the caller's shared conversation, or a private one.
 * Return: 0, -ENOMEM, or -EUSERS where max_conversations or max_user_conversations are in use.
 */
int llamux_open(struct llamux_reader *r, enum llamux_kind kind, bool private);

/** llamux_close() - Leave it. A private conversation ends here. */
void llamux_close(struct llamux_reader *r);

/**
 * llamux_write() - Begin a prompt or go on with the one that this file is writing.
 *
 * Return: @n; -EBUSY while somebody reads the answer; -EMSGSIZE past
 * max_prompt; -EINVAL for a NUL; -EILSEQ for what is not UTF-8; -EFAULT,
 * -ENOMEM, -ERESTARTSYS. A failure adds nothing; a first write has already
 * dropped the prompt and answer that were there.
 */
ssize_t llamux_write(struct llamux_reader *r, const char __user *text, size_t n);

/**
 * llamux_read() - Bytes of the answer, made as they are needed.
 *
 * Return: bytes, 0 at its end; -ENODATA without a prompt; -ENOENT where the options name a model
 * that is not there; -EILSEQ for a prompt that ends within a character; -EMSGSIZE for one past the context; -EFAULT,
 * -ENOMEM; -ERESTARTSYS on a signal: nothing is lost, the next read goes on.
 */
ssize_t llamux_read(struct llamux_reader *r, char __user *buf, size_t n);

/**
 * llamux_forget() - Drop a dialogue's turns.
 * Return: 0, -EBUSY while somebody reads an answer, -ERESTARTSYS.
 */
int llamux_forget(struct llamux_reader *r);

/** llamux_forget_shared() - Likewise the caller's shared dialogue, where there is one. */
int llamux_forget_shared(void);

/** llamux_options_get() - A copy of the conversation's options. */
void llamux_options_get(struct llamux_conversation *c, struct llamux_options *o);

/** llamux_options_set() - For the next prompt. */
void llamux_options_set(struct llamux_conversation *c, const struct llamux_options *o);

/**
 * llamux_options_check() - Whether they make sense, a model of that name included.
 * Return: 0, or -EINVAL with @diag.
 */
int llamux_options_check(const struct llamux_options *o, struct llama_diag *diag);

/** llamux_options_default() - What a conversation begins with. */
void llamux_options_default(struct llamux_options *o);

/** llamux_figures() - Of a conversation's latest answer, so far; never waits. */
void llamux_figures(const struct llamux_conversation *c, struct llamux_figures *f);

/** llamux_last_figures() - Of the caller's shared conversation; zeros where there is none. */
void llamux_last_figures(struct llamux_figures *f);

/**
 * struct llamux_totals - Since the module was loaded.
 * @conversations: There now; @conversations_peak: the most there ever were.
 * @answers: Completed.
 * @prompt_tokens: Evaluated; @tokens: generated.
 * @prefill_us: Time for the former; @decode_us: for the latter.
 * @reused: Tokens of prompts that were not evaluated again.
 * @drafted: Tokens guessed ahead; @accepted: those of them that were right.
 * @interrupted: Steps that a signal stopped.
 */
struct llamux_totals {
	u64 conversations, conversations_peak, answers;
	u64 prompt_tokens, tokens, prefill_us, decode_us, interrupted;
	u64 reused, drafted, accepted;
};

/** llamux_totals() - Read them; never waits. */
void llamux_totals(struct llamux_totals *t);

/** llamux_yield_caller() - A yield hook that lets others run and heeds the caller's signals. */
int llamux_yield_caller(void *unused);

#endif

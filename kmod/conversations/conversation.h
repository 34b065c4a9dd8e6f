/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: A conversation: a prompt and its answer, or a dialogue of many
 *
 * A conversation joins the answer, which files see (answer.h), with the computation that makes it
 * (computation.h), and adds whose it is. Files reach a conversation through the table of
 * sessions (sessions.h), which alone uses its place in the table.
 *
 * Locks, outer first:
 *
 *	table of sessions	list of conversations, and numbers of open files
 *	slot			not a lock, but waited for: right to compute (slot.h)
 *	computation->lock	computing; held for one step, a token or a batch of the prompt
 *	answer->lock		what files see; never held while something is computed
 *	prefix->lock, threads	only tried, inside computation->lock
 *	producer->lock		thread for pollers
 *	conversation->options.lock	options
 *	registry, users, slots	innermost
 */
#ifndef LLAMUX_CONVERSATION_H
#define LLAMUX_CONVERSATION_H

#include <linux/list.h>
#include <linux/mutex.h>

#include "answer.h"
#include "computation.h"
#include "resources/figures.h"
#include "options.h"
#include "producer.h"
#include "resources/requester.h"
#include "resources/user.h"

/**
 * enum llamux_kind - How long a conversation remembers a prompt.
 * @LLAMUX_PROMPT: Until the answer is complete.
 * @LLAMUX_CHAT:   As a turn of a dialogue.
 */
enum llamux_kind {
	LLAMUX_PROMPT,
	LLAMUX_CHAT,
};

/**
 * struct llamux_conversation - A conversation.
 * @node:    Entry in the table.
 * @owner:   User and session that share it, and the memory cgroup that its producer charges.
 * @private: It belongs to one open file, and no other file can open it.
 * @files:   Number of open files.
 * @used:    Jiffies of the latest open or close.
 * @kind:    How long it remembers a prompt.
 * @user:    User of @owner; a reference.
 * @options: Options of the next answer.
 * @figures: Figures of the latest answer, written with the computation's lock; each one can be
 *           read without it.
 * @producer: Thread that computes for pollers.
 * @answer:  Prompt and answer, as files see them.
 * @computation: Computation of the answer.
 */
struct llamux_conversation {
	struct list_head node;
	struct llamux_requester owner;
	bool private;
	u32 files;
	unsigned long used;

	enum llamux_kind kind;
	struct llamux_user *user;
	struct llamux_options_holder options;
	struct llamux_figures figures;
	struct llamux_producer producer;
	struct llamux_answer answer;
	struct llamux_computation computation;
};

/**
 * llamux_conversation_new() - Allocate a conversation without a prompt.
 * @who:     Owner.
 * @kind:    How long it shall remember a prompt.
 * @private: It belongs to one open file.
 * Return: the conversation, or NULL without memory.
 */
struct llamux_conversation *llamux_conversation_new(const struct llamux_requester *who,
						    enum llamux_kind kind, bool private);

/** llamux_conversation_free() - Overwrite and free a conversation that is not in use. */
void llamux_conversation_free(struct llamux_conversation *c);

/**
 * llamux_conversation_lock_idle() - Take the locks of answer and computation to change the prompt.
 * @c: Conversation; its producer is halted first.
 * Return: 0 with both locks held; -EBUSY while a file streams the answer; -ERESTARTSYS.
 */
int llamux_conversation_lock_idle(struct llamux_conversation *c);

/** llamux_conversation_unlock() - Release both locks. */
void llamux_conversation_unlock(struct llamux_conversation *c);

/**
 * llamux_conversation_write() - Let a file write a prompt. Both locks held.
 * @c:      Conversation.
 * @serial: Number of the prompt that the file is writing; 0 for none.
 *
 * Drops prompt and answer, unless the file can go on with its prompt. A dialogue keeps its turns.
 *
 * Return: the number of the prompt to append to.
 */
u64 llamux_conversation_write(struct llamux_conversation *c, u64 serial);

/** llamux_conversation_reset() - Drop prompt, answer and all turns. Both locks held. */
void llamux_conversation_reset(struct llamux_conversation *c);

/**
 * llamux_conversation_advance() - Compute one step, if a file needs it.
 * @c:     Conversation.
 * @at:    Place of the file in the answer.
 * @yield: Called between pieces of work, and while waiting for a slot.
 *
 * An error that lies in the prompt ends the answer with it. Any other leaves it as it is, so
 * that another call goes on.
 *
 * Context: Process context, no lock held. Waits for a slot of the user.
 * Return: 0; -EILSEQ for a prompt that ends within a character; -ENOENT if no model has the name
 * in the options; -ENOBUFS past the user's quota; -ENOMEM; -ERESTARTSYS; or the hook's value.
 */
int llamux_conversation_advance(struct llamux_conversation *c, const struct llamux_cursor *at,
				const struct llama_yield *yield);

/**
 * llamux_conversation_score() - Score a text as the answer to the prompt.
 * @c:     Conversation with a prompt and no answer yet, used by the caller alone.
 * @s:     Score; all zeros before the first text.
 * @text:  UTF-8, which follows the prompt byte by byte.
 * @end:   Score the answer's end behind it, too.
 * @yield: As above.
 *
 * Context: As above.
 * Return: 0; -ENODATA without a prompt; -EMSGSIZE for a text past the context; as above; or the
 * error that lies in the prompt.
 */
int llamux_conversation_score(struct llamux_conversation *c, struct llama_score *s,
			      struct gguf_str text, bool end, const struct llama_yield *yield);

/** llamux_conversation_figures() - Copy the figures of the latest answer so far; never waits. */
void llamux_conversation_figures(const struct llamux_conversation *c, struct llamux_figures *f);

#endif

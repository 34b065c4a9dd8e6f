/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: A conversation: a prompt and the answer to it, or, as a dialogue, a turn and all before it
 *
 * Locks, outer first:
 *
 *	engine's table lock	the list of conversations, who has them open, and owners
 *	conversation->lock	computing: held for one step, a token or a batch of the prompt
 *	conversation->answer_lock	what files see; never held while something is computed
 *	conversation->options_lock	options
 *	registry's lock		the list of models
 *	users' lock		what users hold, and turns
 *
 * A turn (user.h) is taken before conversation->lock.
 */
#ifndef LLAMUX_CONVERSATION_H
#define LLAMUX_CONVERSATION_H

#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/wait.h>

#include "figures.h"
#include "ggml_kernel/score.h"
#include "producer.h"
#include "model.h"
#include "options.h"
#include "text.h"
#include "user.h"

/**
 * enum llamux_kind - What a conversation remembers.
 * @LLAMUX_PROMPT: Nothing but its prompt.
 * @LLAMUX_CHAT:   A dialogue.
 */
enum llamux_kind {
	LLAMUX_PROMPT,
	LLAMUX_CHAT,
};

/**
 * struct llamux_conversation - A prompt and its answer.
 * @node:    In the engine's table.
 * @session: The owner's terminal session; NULL for a private one.
 * @files:   That are open.
 * @used:    Jiffies of the latest open or close.
 * @kind:    What it remembers.
 * @user:    Owner.
 * @options_lock: Guards @options.
 * @options: For the next answer.
 * @figures: Of the answer, to be copied.
 * @wait:    Woken when there is more to read, or a prompt may be written.
 * @maker:   Computes for those who poll.
 * @lock:    Of who computes, held for one step.
 * @answer_lock: Of what files see; never held while something is computed.
 *
 * Changed under both locks, read under either:
 *
 * @serial:  Number of the prompt, from 1; 0 before the first.
 * @prompt:  Its text.
 * @valid:   Bytes of it that are whole characters.
 * @begun:   @gen is set up.
 * @done:    The answer is complete, or ended with @error.
 * @error:   0 or -errno.
 * @answer:  Text so far.
 *
 * Under @answer_lock:
 *
 * @streaming: Files that are reading the answer and not at its end: it is owed to them.
 * @counted: Among the prompts of @user that are being answered.
 * @taken:   Bytes of the answer that the foremost file has read.
 * @failure: Why @maker gave up, 0 once somebody was told.
 *
 * Under @lock:
 *
 * @said:    What the user said in a dialogue's turns that @gen has.
 * @opening: Options of its first turn.
 * @model:   What @gen computes with; NULL where there is no @gen.
 * @memory:  Of @gen and @out.
 * @gen:     The answer in the making.
 * @kv:      Its cache, in @chunks.
 * @chunks:  (kv.n_chunks) memory.
 * @out:     What a step writes.
 * @started: When the first read came.
 */
struct llamux_conversation {
	struct list_head node;
	struct pid *session;
	u32 files;
	unsigned long used;

	enum llamux_kind kind;
	struct llamux_user *user;
	struct mutex options_lock;
	struct llamux_options options;
	struct llamux_figures figures;
	wait_queue_head_t wait;
	struct llamux_maker maker;
	struct mutex lock;
	struct mutex answer_lock;

	u64 serial;
	struct llamux_text prompt;
	size_t valid;
	bool begun;
	bool done;
	int error;
	struct llamux_text answer;

	u32 streaming;
	bool counted;
	size_t taken;
	int failure;

	struct llamux_text said;
	struct llamux_options *opening;
	struct llamux_model *model;
	struct llamux_memory memory;
	struct llama_generation gen;
	struct llama_kv kv;
	struct llamux_memory *chunks;
	char *out;
	ktime_t started;
};

/**
 * llamux_conversation_new() - Of @user, who is held by it; its memory is charged to the caller.
 * @kind: What it shall remember.
 * @user: Owner.
 * Return: NULL without memory.
 */
struct llamux_conversation *llamux_conversation_new(enum llamux_kind kind,
						    struct llamux_user *user);

/** llamux_conversation_free() - Overwrite it with zeros. Nobody uses it any more. */
void llamux_conversation_free(struct llamux_conversation *c);

/** llamux_conversation_renew() - Room for another prompt; a dialogue keeps its turns. Both locks held. */
void llamux_conversation_renew(struct llamux_conversation *c);

/** llamux_conversation_forget() - No prompt, and no turns. Both locks held. */
void llamux_conversation_forget(struct llamux_conversation *c);

/**
 * llamux_conversation_prompt() - What shall be answered.
 * @c: Either lock held.
 *
 * Return: its prompt, without the newline that `echo` puts at its end.
 */
struct gguf_str llamux_conversation_prompt(const struct llamux_conversation *c);

/**
 * llamux_conversation_advance() - One step towards more of an answer.
 * @c:      Being read, or asked for by another module.
 * @serial: The prompt's number; nothing happens where there is another one by now.
 * @have:   Nor where there are more bytes than these, or the answer is complete.
 * @yield:  The caller's, called between pieces of work.
 *
 * Waits for the user's turn first.
 *
 * Context: No lock held.
 * Return: 0; -ENOENT where the options name a model that is not there; -ENOBUFS past the user's
 * cache; -ENOMEM; -ERESTARTSYS on a signal, or the hook's value: another call goes on.
 * What is wrong with the prompt itself becomes @error.
 */
int llamux_conversation_advance(struct llamux_conversation *c, u64 serial, size_t have,
				const struct llama_yield *yield);

/**
 * llamux_conversation_score() - How likely a text is as the answer to the prompt.
 * @c:     With a prompt that has no answer yet.
 * @s:     All zeros before the first text. Nobody else uses the conversation meanwhile.
 * @text:  UTF-8, which follows the prompt byte by byte.
 * @end:   Count the answer's end, too.
 * @yield: As above.
 *
 * Context: No lock held.
 * Return: 0, or as above, what is wrong with the prompt included; -EMSGSIZE for a text past the
 * context.
 */
int llamux_conversation_score(struct llamux_conversation *c, struct llama_score *s,
			      struct gguf_str text, bool end, const struct llama_yield *yield);

/** llamux_options_get() - A copy of the conversation's options. */
void llamux_options_get(struct llamux_conversation *c, struct llamux_options *o);

/** llamux_options_set() - For the next prompt. */
void llamux_options_set(struct llamux_conversation *c, const struct llamux_options *o);

#endif

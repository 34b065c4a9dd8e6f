/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Who has which conversation
 *
 * A shared conversation belongs to a user and a terminal session, compared
 * as kernel objects; a private one to an open file.
 */
#ifndef LLAMUX_SESSIONS_H
#define LLAMUX_SESSIONS_H

#include "conversation.h"

/**
 * struct llamux_limits - Module parameters that bound the engine.
 * @max_conversations: Shared and private together.
 * @max_prompt: Bytes.
 * @user: (LLAMUX_QUOTAS,) what each user can have.
 */
struct llamux_limits {
	u32 max_conversations;
	u32 max_prompt;
	u32 user[LLAMUX_QUOTAS];
};

/**
 * llamux_engine_start() - Begin to serve.
 * @limits: Of all users and of each.
 * Return: 0 or what llamux_makers_start() returned.
 */
int llamux_engine_start(const struct llamux_limits *limits);

/** llamux_engine_stop() - Free every conversation. Nobody has a file open any more. */
void llamux_engine_stop(void);

/** llamux_engine_limits() - As given at the start. */
const struct llamux_limits *llamux_engine_limits(void);

/**
 * llamux_conversation_open() - The caller's shared conversation, or a private one.
 * @kind:    What it remembers; a session has one shared of each.
 * @private: Nobody else can ever open it.
 * Return: an ERR_PTR of -ENOMEM, or -EUSERS where the engine or the user has no room for more.
 */
struct llamux_conversation *llamux_conversation_open(enum llamux_kind kind, bool private);

/** llamux_conversation_close() - Not open any more. A private conversation ends here. */
void llamux_conversation_close(struct llamux_conversation *c);

/**
 * llamux_conversation_sibling() - Open the shared conversation of the same user and session.
 * @c: Open. Files are handed on: the caller may be another than whose it is.
 * @kind: What the one that is looked for remembers.
 * Return: the conversation; NULL where there is none, or @c is private.
 */
struct llamux_conversation *llamux_conversation_sibling(const struct llamux_conversation *c,
							enum llamux_kind kind);

/**
 * llamux_conversation_follow() - Take over its session's options.
 * @c: Open, about to be asked.
 *
 * A shared dialogue has those of the same user's and session's shared conversation, where
 * there is one.
 * Return: 0 or -ENOMEM.
 */
int llamux_conversation_follow(struct llamux_conversation *c);

/**
 * llamux_conversation_choose() - Set options, also of the conversation that @c follows.
 * @c: Open.
 * @o: Checked.
 */
void llamux_conversation_choose(struct llamux_conversation *c, const struct llamux_options *o);

/** llamux_figures() - Of a conversation's latest answer, so far; never waits. */
void llamux_figures(const struct llamux_conversation *c, struct llamux_figures *f);

/** llamux_last_figures() - Of the caller's shared conversation; zeros where there is none. */
void llamux_last_figures(struct llamux_figures *f);

/** llamux_engine_count() - Conversations now, and the most there ever were. */
void llamux_engine_count(u32 *now, u32 *peak);

#endif

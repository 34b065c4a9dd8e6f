/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The table of sessions and their conversations
 *
 * Programs of one terminal session share a conversation, so that one can write the prompt and
 * another read the answer. The table finds or creates it, keeps it while the session lives, and
 * bounds how many there are.
 *
 * A shared conversation belongs to a user and a terminal session; each has one of each kind. A
 * private conversation belongs to one open file and ends with it. If the table is full, the
 * shared conversation that was idle for the longest makes room.
 */
#ifndef LLAMUX_SESSIONS_H
#define LLAMUX_SESSIONS_H

#include "conversation.h"

/**
 * struct llamux_limits - Limits from the module's parameters.
 * @max_conversations: Conversations of all users, shared and private.
 * @max_prompt: Bytes of a prompt.
 * @user: (LLAMUX_QUOTAS,) limits of each user; 0 is no limit.
 */
struct llamux_limits {
	u32 max_conversations;
	u32 max_prompt;
	u32 user[LLAMUX_QUOTAS];
};

/** llamux_sessions_start() - Begin to serve. Return: 0 or as llamux_producers_start(). */
int llamux_sessions_start(const struct llamux_limits *limits);

/** llamux_sessions_stop() - Free every conversation. No file is open any more. */
void llamux_sessions_stop(void);

/** llamux_sessions_limits() - Return: the limits given at the start. */
const struct llamux_limits *llamux_sessions_limits(void);

/**
 * llamux_sessions_open() - Open a requester's shared conversation, or a private one.
 * @who:     Requester.
 * @kind:    Kind of the conversation.
 * @private: Create one that no other file can open.
 * Return: the conversation, or an ERR_PTR of -ENOMEM, or of -EUSERS if the user or the table has no
 * room for one more.
 */
struct llamux_conversation *llamux_sessions_open(const struct llamux_requester *who,
						 enum llamux_kind kind, bool private);

/** llamux_sessions_close() - Close a conversation. A private one is freed. */
void llamux_sessions_close(struct llamux_conversation *c);

/**
 * llamux_sessions_sibling() - Open the shared conversation of the same user and session.
 * @c:    Open conversation. It may have been opened by another user than the caller.
 * @kind: Kind of the conversation to open.
 * Return: the conversation; NULL if there is none, or @c is private.
 */
struct llamux_conversation *llamux_sessions_sibling(const struct llamux_conversation *c,
						    enum llamux_kind kind);

/**
 * llamux_sessions_inherit_options() - Give a shared dialogue the options of its session.
 * @c: Open conversation, about to be asked.
 *
 * These are the options of the session's shared conversation, if it has one. Other conversations
 * have options of their own: nothing happens.
 */
void llamux_sessions_inherit_options(struct llamux_conversation *c);

/**
 * llamux_sessions_set_options() - Set options, also where @c inherits them from.
 * @c: Open conversation.
 * @o: Checked options.
 */
void llamux_sessions_set_options(struct llamux_conversation *c, const struct llamux_options *o);

/**
 * llamux_sessions_figures() - Copy the figures of a session's latest answer.
 * @who: Requester.
 * @f:   Filled; zeros if the session has no shared conversation.
 */
void llamux_sessions_figures(const struct llamux_requester *who, struct llamux_figures *f);

/** llamux_sessions_count() - Count conversations: those of @now, and the most so far. */
void llamux_sessions_count(u32 *now, u32 *peak);

#endif

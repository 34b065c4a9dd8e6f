/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Users, what they hold, and whose turn it is
 *
 * Whoever computes for a user takes a *turn* for each step (a token, or a batch of a
 * prompt). While one user computes alone, there are turns enough for whoever reads, and
 * the scheduler decides. While several do, there is one for each processor, and the user
 * whose turns have taken the least processor time has the next; of a user's readers, the
 * one who came first. So a user with a hundred readers does not starve one who has one. Who
 * has used the least and waits for 20 ms all the same, because others lost their processors
 * to something else, waits no longer.
 */
#ifndef LLAMUX_USER_H
#define LLAMUX_USER_H

#include <linux/types.h>
#include <linux/uidgid.h>

#include "llama_core.h"

/**
 * enum llamux_quota - What a user has so many of.
 * @LLAMUX_CONVERSATIONS: At once.
 * @LLAMUX_PROMPTS: Being answered at once.
 * @LLAMUX_CACHE: Tokens that caches have room for.
 * @LLAMUX_QUOTAS: How many there are.
 */
enum llamux_quota {
	LLAMUX_CONVERSATIONS,
	LLAMUX_PROMPTS,
	LLAMUX_CACHE,
	LLAMUX_QUOTAS,
};

struct llamux_user;

/** llamux_users_limit() - The most of each that any user can have; 0 is no limit of its own. */
void llamux_users_limit(const u32 limits[LLAMUX_QUOTAS]);

/** llamux_user_get() - Hold the user. Return: NULL without memory. */
struct llamux_user *llamux_user_get(kuid_t uid);

/** llamux_user_put() - Let go. */
void llamux_user_put(struct llamux_user *user);

/** llamux_user_uid() - Who it is. */
kuid_t llamux_user_uid(const struct llamux_user *user);

/** llamux_user_take() - @n more. Return: whether the limit allows it. */
bool llamux_user_take(struct llamux_user *user, enum llamux_quota what, u32 n);

/** llamux_user_return() - @n less. */
void llamux_user_return(struct llamux_user *user, enum llamux_quota what, u32 n);

/**
 * struct llamux_turn - A turn.
 * @user:  Whose.
 * @begun: When it was granted, in nanoseconds.
 * @ran:   Processor time that the caller had before, in nanoseconds.
 */
struct llamux_turn {
	struct llamux_user *user;
	u64 begun;
	u64 ran;
};

/**
 * llamux_turn_begin() - Wait for a turn.
 * @turn:  The turn out.
 * @user:  Whose.
 * @yield: Asked now and then whether to wait on; may be NULL.
 * Return: 0, -ERESTARTSYS on a signal, or what the hook says.
 */
int llamux_turn_begin(struct llamux_turn *turn, struct llamux_user *user,
		      const struct llama_yield *yield);

/** llamux_turn_end() - Somebody else's. */
void llamux_turn_end(const struct llamux_turn *turn);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Users and their quotas
 *
 * Quotas keep one user from taking all conversations, prompts and cache memory. A user exists
 * while a conversation refers to it, and counts what its conversations have reserved.
 */
#ifndef LLAMUX_USER_H
#define LLAMUX_USER_H

#include <linux/types.h>
#include <linux/uidgid.h>

struct llamux_share;
struct llamux_user;

/**
 * enum llamux_quota - Resources that are limited for each user.
 * @LLAMUX_QUOTA_CONVERSATIONS: Conversations.
 * @LLAMUX_QUOTA_PROMPTS:       Prompts that are being answered.
 * @LLAMUX_QUOTA_TOKENS:        Tokens that caches have room for.
 * @LLAMUX_QUOTAS:              Number of quotas.
 */
enum llamux_quota {
	LLAMUX_QUOTA_CONVERSATIONS,
	LLAMUX_QUOTA_PROMPTS,
	LLAMUX_QUOTA_TOKENS,
	LLAMUX_QUOTAS,
};

/** llamux_user_set_limits() - Set each user's limits; 0 is no limit. */
void llamux_user_set_limits(const u32 limits[LLAMUX_QUOTAS]);

/** llamux_user_get() - Refer to the user @uid. Return: the user, or NULL without memory. */
struct llamux_user *llamux_user_get(kuid_t uid);

/** llamux_user_put() - Drop a reference. The user's quotas are no longer used by its holder. */
void llamux_user_put(struct llamux_user *user);

/** llamux_user_share() - Return: the user's share of the processors. */
struct llamux_share *llamux_user_share(struct llamux_user *user);

/** llamux_user_reserve() - Take @n units of a quota. Return: whether the limit allows it. */
bool llamux_user_reserve(struct llamux_user *user, enum llamux_quota quota, u32 n);

/** llamux_user_release() - Give @n reserved units back. */
void llamux_user_release(struct llamux_user *user, enum llamux_quota quota, u32 n);

#endif

// SPDX-License-Identifier: GPL-2.0
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "slot.h"
#include "user.h"

/**
 * struct llamux_user - A user with conversations.
 * @node:     Entry in the list.
 * @uid:      User id.
 * @refs:     References.
 * @reserved: (LLAMUX_QUOTAS,) units taken.
 * @share:    Share of the processors.
 */
struct llamux_user {
	struct list_head node;
	kuid_t uid;
	u32 refs;
	u32 reserved[LLAMUX_QUOTAS];
	struct llamux_share share;
};

static struct {
	u32 limits[LLAMUX_QUOTAS];
	spinlock_t lock;		/* guards the list, and users' @refs and @reserved */
	struct list_head list;
} users = {
	.lock = __SPIN_LOCK_UNLOCKED(users.lock),
	.list = LIST_HEAD_INIT(users.list),
};

void llamux_user_set_limits(const u32 limits[LLAMUX_QUOTAS])
{
	memcpy(users.limits, limits, sizeof(users.limits));
}

static struct llamux_user *find(kuid_t uid)
{
	struct llamux_user *user;

	lockdep_assert_held(&users.lock);
	list_for_each_entry(user, &users.list, node)
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

struct llamux_user *llamux_user_get(kuid_t uid)
{
	struct llamux_user *new = kzalloc(sizeof(*new), GFP_KERNEL), *user;

	if (!new)
		return NULL;
	new->uid = uid;
	spin_lock(&users.lock);
	user = find(uid);
	if (!user) {
		user = new;
		list_add(&user->node, &users.list);
		llamux_slot_add_share(&user->share);
	}
	user->refs++;
	spin_unlock(&users.lock);
	if (user != new)
		kfree(new);
	return user;
}

void llamux_user_put(struct llamux_user *user)
{
	bool last;

	spin_lock(&users.lock);
	last = !--user->refs;
	if (last) {
		list_del(&user->node);
		llamux_slot_remove_share(&user->share);
	}
	spin_unlock(&users.lock);
	if (last)
		kfree(user);
}

struct llamux_share *llamux_user_share(struct llamux_user *user)
{
	return &user->share;
}

bool llamux_user_reserve(struct llamux_user *user, enum llamux_quota quota, u32 n)
{
	u32 limit = users.limits[quota] ? users.limits[quota] : U32_MAX;
	bool fits;

	spin_lock(&users.lock);
	fits = n <= limit - min(user->reserved[quota], limit);
	if (fits)
		user->reserved[quota] += n;
	spin_unlock(&users.lock);
	return fits;
}

void llamux_user_release(struct llamux_user *user, enum llamux_quota quota, u32 n)
{
	spin_lock(&users.lock);
	user->reserved[quota] -= n;
	spin_unlock(&users.lock);
}

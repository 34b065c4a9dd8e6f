// SPDX-License-Identifier: GPL-2.0
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "user.h"

#define ALONE 4		/* turns for each processor while one user computes alone */
#define GRACE HZ	/* how long somebody who computed counts as computing */
#define LOOK (HZ / 10)	/* between looks whether to wait on */

/**
 * struct llamux_user - A user who has conversations.
 * @node:    In the list.
 * @uid:     Who it is.
 * @refs:    Its conversations.
 * @has:     (LLAMUX_QUOTAS,)
 * @turns:   Steps being made.
 * @waiting: Who waits for one, the first first.
 * @ended:   Jiffies of the latest turn's end.
 */
struct llamux_user {
	struct list_head node;
	kuid_t uid;
	u32 refs;
	u32 has[LLAMUX_QUOTAS];
	u32 turns;
	struct list_head waiting;
	unsigned long ended;
};

struct waiter {
	struct list_head node;
	struct wait_queue_head wait;
	bool granted;
};

static struct {
	u32 limits[LLAMUX_QUOTAS];
	spinlock_t lock;		/* guards what follows, and users */
	struct list_head list;
} users = {
	.lock = __SPIN_LOCK_UNLOCKED(users.lock),
	.list = LIST_HEAD_INIT(users.list),
};

void llamux_users_limit(const u32 limits[LLAMUX_QUOTAS])
{
	memcpy(users.limits, limits, sizeof(users.limits));
}

/* Lock held. */
static struct llamux_user *find(kuid_t uid)
{
	struct llamux_user *user;

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
	new->ended = jiffies - GRACE;
	INIT_LIST_HEAD(&new->waiting);
	spin_lock(&users.lock);
	user = find(uid);
	if (!user) {
		user = new;
		list_add(&user->node, &users.list);
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
	if (last)
		list_del(&user->node);
	spin_unlock(&users.lock);
	if (last)
		kfree(user);
}

kuid_t llamux_user_uid(const struct llamux_user *user)
{
	return user->uid;
}

bool llamux_user_take(struct llamux_user *user, enum llamux_quota what, u32 n)
{
	u32 limit = users.limits[what];
	bool fits;

	spin_lock(&users.lock);
	fits = n <= (limit ? limit : U32_MAX) - min(user->has[what], limit ? limit : U32_MAX);
	if (fits)
		user->has[what] += n;
	spin_unlock(&users.lock);
	return fits;
}

void llamux_user_return(struct llamux_user *user, enum llamux_quota what, u32 n)
{
	spin_lock(&users.lock);
	user->has[what] -= n;
	spin_unlock(&users.lock);
}

/* Lock held. */
static bool is_active(const struct llamux_user *user)
{
	return user->turns || !list_empty(&user->waiting) ||
	       time_before(jiffies, user->ended + GRACE);
}

/* Lock held. Turns at once of every user who computes. */
static u32 share(void)
{
	const struct llamux_user *user;
	u32 active = 0;

	list_for_each_entry(user, &users.list, node)
		active += is_active(user);
	return active > 1 ? max(num_online_cpus() / active, 1u) : ALONE * num_online_cpus();
}

/* Lock held. Let those go on who may. */
static void grant(void)
{
	struct llamux_user *user;
	struct waiter *first;
	u32 most = share();

	list_for_each_entry(user, &users.list, node) {
		while (user->turns < most && !list_empty(&user->waiting)) {
			first = list_first_entry(&user->waiting, struct waiter, node);
			list_del_init(&first->node);
			first->granted = true;
			user->turns++;
			wake_up(&first->wait);
		}
	}
}

/* A user's share grows with time, too, when others compute no more. */
static bool is_granted(const struct waiter *w)
{
	bool granted;

	spin_lock(&users.lock);
	if (!w->granted)
		grant();
	granted = w->granted;
	spin_unlock(&users.lock);
	return granted;
}

/* Take the waiter off the list, or its turn back. */
static void leave(struct llamux_user *user, struct waiter *w)
{
	spin_lock(&users.lock);
	if (w->granted)
		user->turns--;
	else
		list_del(&w->node);
	grant();
	spin_unlock(&users.lock);
}

int llamux_turn_begin(struct llamux_user *user, const struct llama_yield *yield)
{
	struct waiter w = { };
	long left;
	int err;

	init_waitqueue_head(&w.wait);
	spin_lock(&users.lock);
	list_add_tail(&w.node, &user->waiting);
	grant();
	spin_unlock(&users.lock);
	while (!is_granted(&w)) {
		left = wait_event_interruptible_timeout(w.wait, READ_ONCE(w.granted), LOOK);
		err = left < 0 ? left : llama_yield(yield);
		if (err) {
			leave(user, &w);
			return err;
		}
	}
	return 0;
}

void llamux_turn_end(struct llamux_user *user)
{
	spin_lock(&users.lock);
	user->turns--;
	user->ended = jiffies;
	grant();
	spin_unlock(&users.lock);
}

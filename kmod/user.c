// SPDX-License-Identifier: GPL-2.0
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "user.h"

#define ALONE 4		/* turns for each processor while one user computes alone */
#define GRACE HZ	/* how long somebody who computed counts as computing */
#define CLAIM (100 * NSEC_PER_MSEC)	/* of what others had more of, that may be made up for */
#define LOOK (HZ / 50)	/* between looks whether to wait on */
#define LOOK_BEHIND (HZ / 5)	/* the same, where others of the user come first */
#define PATIENCE (HZ / 50)	/* how long a user without a turn waits for others */

/**
 * struct llamux_user - A user who has conversations.
 * @node:    In the list.
 * @uid:     Who it is.
 * @refs:    Its conversations.
 * @has:     (LLAMUX_QUOTAS,)
 * @turns:   Steps being made.
 * @waiting: Who waits for one, in the order in which they came.
 * @ended:   Jiffies of the latest turn's end.
 * @used:    Nanoseconds of processor that its turns took, or could have taken while it had
 *           none; of turns that have not ended, as if nothing else had run.
 * @charged: When @used was brought up to date.
 */
struct llamux_user {
	struct list_head node;
	kuid_t uid;
	u32 refs;
	u32 has[LLAMUX_QUOTAS];
	u32 turns;
	struct list_head waiting;
	unsigned long ended;
	u64 used;
	u64 charged;
};

struct waiter {
	struct list_head node;
	unsigned long since;
	struct completion news;		/* a turn, or the first place */
	u64 begun;
	bool granted;
};

static struct {
	u32 limits[LLAMUX_QUOTAS];
	spinlock_t lock;		/* guards what follows, and users */
	struct list_head list;
	u32 turns;
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
static bool is_busy(const struct llamux_user *user)
{
	return user->turns || !list_empty(&user->waiting);
}

/* Lock held. Whether more than one user computes, or did a moment ago. */
static bool is_contended(void)
{
	const struct llamux_user *user;
	u32 n = 0;

	list_for_each_entry(user, &users.list, node)
		n += is_busy(user) || time_before(jiffies, user->ended + GRACE);
	return n > 1;
}

/* Lock held. */
static void charge(struct llamux_user *user)
{
	u64 now = ktime_get_ns();

	user->used += user->turns * (now - user->charged);
	user->charged = now;
}

/* Lock held. Of the time that others have computed longer, no more than @claim is made up for. */
static void limit_claim(struct llamux_user *user, u64 claim)
{
	u64 least = U64_MAX;
	struct llamux_user *other;

	list_for_each_entry(other, &users.list, node) {
		charge(other);
		if (other != user && is_busy(other))
			least = min(least, other->used);
	}
	if (least != U64_MAX && least > claim)
		user->used = max(user->used, least - claim);
}

/* Lock held. Nobody who computes has used less than @least. */
static bool may_begin(const struct llamux_user *user, bool contended, u64 least)
{
	const struct waiter *first;

	if (list_empty(&user->waiting))
		return false;
	if (!contended)
		return user->turns < ALONE * num_online_cpus();
	first = list_first_entry(&user->waiting, struct waiter, node);
	return users.turns < num_online_cpus() ||
	       (!user->turns && time_after(jiffies, first->since + PATIENCE) &&
		user->used <= least);
}

/* Lock held. Of those who may begin, the one who used the least. */
static struct llamux_user *next(void)
{
	bool contended = is_contended();
	struct llamux_user *user, *chosen = NULL;
	u64 least = U64_MAX;

	list_for_each_entry(user, &users.list, node) {
		charge(user);
		if (is_busy(user))
			least = min(least, user->used);
	}
	list_for_each_entry(user, &users.list, node) {
		if (may_begin(user, contended, least) && (!chosen || user->used < chosen->used))
			chosen = user;
	}
	return chosen;
}

/* Lock held. Who waits behind takes the place. */
static void take_off(struct llamux_user *user, struct waiter *w)
{
	list_del(&w->node);
	if (!list_empty(&user->waiting))
		complete(&list_first_entry(&user->waiting, struct waiter, node)->news);
}

/* Lock held. Let those go on who may. */
static void grant(void)
{
	struct llamux_user *user;
	struct waiter *first;

	while ((user = next())) {
		first = list_first_entry(&user->waiting, struct waiter, node);
		take_off(user, first);
		first->begun = user->charged;
		first->granted = true;
		user->turns++;
		users.turns++;
		complete(&first->news);
	}
}

/* What the caller has had of processors; the scheduler counts it when it looks. */
static u64 processor_time(void)
{
	schedule();
	return READ_ONCE(current->se.sum_exec_runtime);	/* a tick may add to it */
}

/* Lock held. Of the time since it began the turn ran for @ran. */
static void end_turn(struct llamux_user *user, u64 begun, u64 ran)
{
	charge(user);
	user->used -= user->charged - begun - min(ran, user->charged - begun);
	limit_claim(user, CLAIM);
	user->turns--;
	users.turns--;
	user->ended = jiffies;
}

/* What others do is not all: time passes, too. Return: for how long to wait; 0 with a turn. */
static long look(struct llamux_user *user, struct waiter *w)
{
	long patience = 0;

	spin_lock(&users.lock);
	if (!w->granted)
		grant();
	if (!w->granted)
		patience = list_first_entry(&user->waiting, struct waiter, node) == w ?
			   LOOK : LOOK_BEHIND;
	spin_unlock(&users.lock);
	return patience;
}

/* Take the waiter off the list, or its turn back. */
static void leave(struct llamux_user *user, struct waiter *w)
{
	spin_lock(&users.lock);
	if (w->granted)
		end_turn(user, w->begun, 0);
	else
		take_off(user, w);
	grant();
	spin_unlock(&users.lock);
}

int llamux_turn_begin(struct llamux_turn *turn, struct llamux_user *user,
		      const struct llama_yield *yield)
{
	struct waiter w = { .since = jiffies };
	long patience, left;
	int err;

	init_completion(&w.news);
	spin_lock(&users.lock);
	if (!is_busy(user))
		limit_claim(user, time_before(jiffies, user->ended + GRACE) ? CLAIM : 0);
	list_add_tail(&w.node, &user->waiting);
	grant();
	spin_unlock(&users.lock);
	while ((patience = look(user, &w))) {
		left = wait_for_completion_interruptible_timeout(&w.news, patience);
		err = left < 0 ? left : llama_yield(yield);
		if (err) {
			leave(user, &w);
			return err;
		}
	}
	*turn = (struct llamux_turn){ user, w.begun, processor_time() };
	return 0;
}

void llamux_turn_end(const struct llamux_turn *turn)
{
	u64 ran = processor_time() - turn->ran;

	spin_lock(&users.lock);
	end_turn(turn->user, turn->begun, ran);
	grant();
	spin_unlock(&users.lock);
}

// SPDX-License-Identifier: GPL-2.0
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "slot.h"

#define SLOTS_ALONE 4		/* per processor, while one user computes alone */
#define RECENT HZ		/* a user counts as computing for so long after its latest slot */
#define MAX_CREDIT (100 * NSEC_PER_MSEC)	/* lead of others that a user may make up for */
#define CHECK_FIRST (HZ / 50)	/* between checks by the first of a user's waiting readers */
#define CHECK_OTHERS (HZ / 5)	/* between checks by the others */
#define MAX_WAIT (HZ / 50)	/* of the user that has used the least, if it holds no slot */

/**
 * struct waiter - A reader that waits for a slot.
 * @node:    Entry in its share's list.
 * @since:   Jiffies when it came.
 * @changed: Completed when it becomes the first of its share, or gets a slot.
 * @begun:   Time when it got a slot.
 * @granted: Whether it got a slot.
 */
struct waiter {
	struct list_head node;
	unsigned long since;
	struct completion changed;
	u64 begun;
	bool granted;
};

static struct {
	spinlock_t lock;		/* guards what follows, all shares and waiters */
	struct list_head shares;
	u32 held;
} slots = {
	.lock = __SPIN_LOCK_UNLOCKED(slots.lock),
	.shares = LIST_HEAD_INIT(slots.shares),
};

void llamux_slot_add_share(struct llamux_share *share)
{
	share->ended = jiffies - RECENT;
	INIT_LIST_HEAD(&share->waiting);
	spin_lock(&slots.lock);
	list_add(&share->node, &slots.shares);
	spin_unlock(&slots.lock);
}

void llamux_slot_remove_share(struct llamux_share *share)
{
	spin_lock(&slots.lock);
	list_del(&share->node);
	spin_unlock(&slots.lock);
}

static struct waiter *first_waiter(const struct llamux_share *share)
{
	lockdep_assert_held(&slots.lock);
	return list_first_entry(&share->waiting, struct waiter, node);
}

static bool is_busy(const struct llamux_share *share)
{
	lockdep_assert_held(&slots.lock);
	return share->slots || !list_empty(&share->waiting);
}

static bool is_recent(const struct llamux_share *share)
{
	return time_before(jiffies, share->ended + RECENT);
}

/* Return: whether more than one user computes, or did so recently. */
static bool is_contended(void)
{
	const struct llamux_share *share;
	u32 n = 0;

	list_for_each_entry(share, &slots.shares, node)
		n += is_busy(share) || is_recent(share);
	return n > 1;
}

/* Bring @share->used up to date. */
static void charge(struct llamux_share *share)
{
	u64 now = ktime_get_ns();

	lockdep_assert_held(&slots.lock);
	share->used += share->slots * (now - share->charged);
	share->charged = now;
}

/* Raise @share->used to at most @credit nanoseconds below that of every other busy user. */
static void limit_credit(struct llamux_share *share, u64 credit)
{
	u64 least = U64_MAX;
	struct llamux_share *other;

	list_for_each_entry(other, &slots.shares, node) {
		charge(other);
		if (other != share && is_busy(other))
			least = min(least, other->used);
	}
	if (least != U64_MAX && least > credit)
		share->used = max(share->used, least - credit);
}

/* Return: whether @share may get a slot now; busy users have used @least or more. */
static bool may_start(const struct llamux_share *share, bool contended, u64 least)
{
	if (list_empty(&share->waiting))
		return false;
	if (!contended)
		return share->slots < SLOTS_ALONE * num_online_cpus();
	return slots.held < num_online_cpus() ||
	       (!share->slots && time_after(jiffies, first_waiter(share)->since + MAX_WAIT) &&
		share->used <= least);
}

/* Return: the share that gets the next slot: of those that may start, the least used one. */
static struct llamux_share *choose(void)
{
	bool contended = is_contended();
	struct llamux_share *share, *chosen = NULL;
	u64 least = U64_MAX;

	list_for_each_entry(share, &slots.shares, node) {
		charge(share);
		if (is_busy(share))
			least = min(least, share->used);
	}
	list_for_each_entry(share, &slots.shares, node) {
		if (may_start(share, contended, least) && (!chosen || share->used < chosen->used))
			chosen = share;
	}
	return chosen;
}

static void remove_waiter(struct llamux_share *share, struct waiter *w)
{
	lockdep_assert_held(&slots.lock);
	list_del(&w->node);
	if (!list_empty(&share->waiting))
		complete(&first_waiter(share)->changed);
}

/* Grant as many slots as there are. */
static void grant(void)
{
	struct llamux_share *share;
	struct waiter *first;

	lockdep_assert_held(&slots.lock);
	while ((share = choose())) {
		first = first_waiter(share);
		remove_waiter(share, first);
		first->begun = share->charged;
		first->granted = true;
		share->slots++;
		slots.held++;
		complete(&first->changed);
	}
}

/* Return: the task's processor time in nanoseconds; the scheduler updates it when it runs. */
static u64 processor_time(void)
{
	schedule();
	return READ_ONCE(current->se.sum_exec_runtime);	/* a tick may add to it */
}

/* End a slot that was held since @begun, of which the task ran for @ran nanoseconds. */
static void end(struct llamux_share *share, u64 begun, u64 ran)
{
	charge(share);
	share->used -= share->charged - begun - min(ran, share->charged - begun);
	limit_credit(share, MAX_CREDIT);
	share->slots--;
	slots.held--;
	share->ended = jiffies;
}

/*
 * Grant slots again: the time that passes changes who may start.
 * Return: jiffies until the next check; 0 if the waiter has a slot.
 */
static long check(struct llamux_share *share, struct waiter *w)
{
	long interval = 0;

	spin_lock(&slots.lock);
	if (!w->granted)
		grant();
	if (!w->granted)
		interval = first_waiter(share) == w ? CHECK_FIRST : CHECK_OTHERS;
	spin_unlock(&slots.lock);
	return interval;
}

/* Remove the waiter, or end the slot that it has got meanwhile. */
static void stop_waiting(struct llamux_share *share, struct waiter *w)
{
	spin_lock(&slots.lock);
	if (w->granted)
		end(share, w->begun, 0);
	else
		remove_waiter(share, w);
	grant();
	spin_unlock(&slots.lock);
}

int llamux_slot_acquire(struct llamux_slot *slot, struct llamux_share *share,
			const struct llama_yield *yield)
{
	struct waiter w = { .since = jiffies };
	long interval, left;
	int err;

	init_completion(&w.changed);
	spin_lock(&slots.lock);
	if (!is_busy(share))
		limit_credit(share, is_recent(share) ? MAX_CREDIT : 0);
	list_add_tail(&w.node, &share->waiting);
	grant();
	spin_unlock(&slots.lock);
	while ((interval = check(share, &w))) {
		left = wait_for_completion_interruptible_timeout(&w.changed, interval);
		err = left < 0 ? left : llama_yield(yield);
		if (err) {
			stop_waiting(share, &w);
			return err;
		}
	}
	*slot = (struct llamux_slot){ share, w.begun, processor_time() };
	return 0;
}

void llamux_slot_release(const struct llamux_slot *slot)
{
	u64 ran = processor_time() - slot->ran;

	spin_lock(&slots.lock);
	end(slot->share, slot->begun, ran);
	grant();
	spin_unlock(&slots.lock);
}

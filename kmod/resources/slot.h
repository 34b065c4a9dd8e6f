/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Slots: fair shares of the processors among users
 *
 * A user with a hundred readers must not starve a user with one. So a task holds a slot of its
 * user while it computes a step (a token, or a batch of a prompt).
 *
 * While one user computes alone, there are slots enough, and the kernel's scheduler decides.
 * While several users compute, there is one slot for each processor. The next slot goes to the
 * user whose slots have used the least processor time, and among this user's readers to the one
 * that waits the longest. A user that has used the least and has waited for 20 ms all the same,
 * because the holders of slots have lost their processors to other work, gets a slot anyway.
 */
#ifndef LLAMUX_SLOT_H
#define LLAMUX_SLOT_H

#include <linux/list.h>
#include <linux/types.h>

#include "llama_core.h"

/**
 * struct llamux_share - A user's share of the processors. Private to slot.c.
 * @node:    Entry in the list of shares.
 * @slots:   Number of slots that the user holds.
 * @waiting: Waiting readers, the first comer first.
 * @ended:   Jiffies when the latest slot was released.
 * @used:    Nanoseconds of processor time that the user's slots have used; a slot that is held
 *           counts from its beginning as if nothing else ran. A user that was idle is raised to
 *           nearly the least of the others, so that it cannot save time up.
 * @charged: Time up to which @used is, in nanoseconds.
 */
struct llamux_share {
	struct list_head node;
	u32 slots;
	struct list_head waiting;
	unsigned long ended;
	u64 used;
	u64 charged;
};

/**
 * struct llamux_slot - The right to compute for a step.
 * @share: Share that it belongs to.
 * @begun: Time when it was granted, in nanoseconds.
 * @ran:   Processor time of the task before the slot, in nanoseconds.
 */
struct llamux_slot {
	struct llamux_share *share;
	u64 begun;
	u64 ran;
};

/** llamux_slot_add_share() - Begin to share the processors with a user; @share is all zeros. */
void llamux_slot_add_share(struct llamux_share *share);

/** llamux_slot_remove_share() - End it. The user holds no slot and waits for none. */
void llamux_slot_remove_share(struct llamux_share *share);

/**
 * llamux_slot_acquire() - Wait for a slot.
 * @slot:  Filled.
 * @share: User's share.
 * @yield: Called now and then while waiting; may be NULL.
 *
 * Context: Process context, no lock of a conversation held. The task that acquires a slot
 * releases it.
 * Return: 0, -ERESTARTSYS on a signal, or the hook's value.
 */
int llamux_slot_acquire(struct llamux_slot *slot, struct llamux_share *share,
			const struct llama_yield *yield);

/** llamux_slot_release() - Release a slot after a step. */
void llamux_slot_release(const struct llamux_slot *slot);

#endif

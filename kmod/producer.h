/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The thread that answers for those who poll
 *
 * Somebody who reads computes. Somebody who only asks whether there is something to read
 * does not, and so a thread does it for them: with the nice value and the processors
 * of who asked last, its memory charged to the conversation's memory cgroup. It runs
 * while somebody is owed the answer, at most 4 KiB ahead of the foremost reader, and not
 * while the machine hibernates.
 */
#ifndef LLAMUX_PRODUCER_H
#define LLAMUX_PRODUCER_H

#include <linux/kthread.h>

struct llamux_conversation;
struct mem_cgroup;

/**
 * struct llamux_maker - Of a conversation.
 * @worker: Its thread; NULL until the first poll.
 * @work:   One step.
 * @halted: Shall stop.
 * @memcg:  Of whoever made the conversation.
 */
struct llamux_maker {
	struct kthread_worker *worker;
	struct kthread_work work;
	bool halted;
	struct mem_cgroup *memcg;
};

/** llamux_maker_init() - Without a thread. */
void llamux_maker_init(struct llamux_conversation *c);

/**
 * llamux_maker_start() - Begin, or go on. answer_lock held.
 * @c: Somebody polls it.
 * Return: 0, -ENOMEM, -EINTR.
 */
int llamux_maker_start(struct llamux_conversation *c);

/**
 * llamux_maker_halt() - Stop at the next piece of work, and wait for that. No lock held.
 * @c: Somebody is about to change it.
 * Return: 0, -ERESTARTSYS.
 */
int llamux_maker_halt(struct llamux_conversation *c);

/** llamux_maker_free() - End the thread. Nobody uses the conversation any more. */
void llamux_maker_free(struct llamux_conversation *c);

/**
 * llamux_makers_start() - Watch for hibernation.
 * Return: 0 or what register_pm_notifier() returned.
 */
int llamux_makers_start(void);

/** llamux_makers_stop() - No longer. There is no thread any more. */
void llamux_makers_stop(void);

#endif

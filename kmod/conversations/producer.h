/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The thread that computes for pollers
 *
 * A task that reads computes the answer itself. A task that polls, or reads without waiting, must
 * not be held up, so that a thread does it: the producer. It has the nice value and the processors
 * of the task that started it last, and its memory is charged to the requester's memory cgroup.
 * It sleeps while nothing is wanted and while the machine hibernates.
 *
 * A producer knows nothing of what it produces: its owner says that in a table of functions.
 */
#ifndef LLAMUX_PRODUCER_H
#define LLAMUX_PRODUCER_H

#include <linux/kthread.h>
#include <linux/mutex.h>

#include "llama_core.h"

struct llamux_producer;
struct mem_cgroup;

/**
 * struct llamux_producer_ops - Functions of a producer's owner, called in its thread.
 * @wanted: Return whether anybody still waits; called often, takes no lock.
 * @step:   Produce a piece. Calls the hook between pieces of work. Return 0 after a piece,
 *          -EAGAIN if nothing is wanted now, -ERESTARTSYS if the hook said so, or an error.
 * @failed: Take the error of @step. The producer then sleeps until it is started again.
 */
struct llamux_producer_ops {
	bool (*wanted)(struct llamux_producer *p);
	int (*step)(struct llamux_producer *p, const struct llama_yield *yield);
	void (*failed)(struct llamux_producer *p, int err);
};

/**
 * struct llamux_producer - A producer.
 * @ops:    Functions of the owner.
 * @memcg:  Memory cgroup that is charged.
 * @lock:   Guards @worker and @halts.
 * @worker: Thread; NULL until the first start.
 * @work:   One step.
 * @halts:  Number of tasks that want it to pause; read without the lock, too.
 */
struct llamux_producer {
	const struct llamux_producer_ops *ops;
	struct mem_cgroup *memcg;
	struct mutex lock;
	struct kthread_worker *worker;
	struct kthread_work work;
	u32 halts;
};

/** llamux_producer_init() - Set up a producer without a thread. @memcg must outlive it. */
void llamux_producer_init(struct llamux_producer *p, const struct llamux_producer_ops *ops,
			  struct mem_cgroup *memcg);

/** llamux_producer_start() - Begin or go on to produce. Return: 0, -ENOMEM or -EINTR. */
int llamux_producer_start(struct llamux_producer *p);

/**
 * llamux_producer_halt() - Stop at the next piece of work, and wait until it has stopped.
 * @p: Producer.
 *
 * It goes on when this returns, if something is wanted then.
 *
 * Context: Process context; no lock held that @p->ops->step takes.
 * Return: 0 or -ERESTARTSYS.
 */
int llamux_producer_halt(struct llamux_producer *p);

/** llamux_producer_free() - End the thread of a producer that is not in use. */
void llamux_producer_free(struct llamux_producer *p);

/** llamux_producers_start() - Watch for hibernation. Return: as register_pm_notifier(). */
int llamux_producers_start(void);

/** llamux_producers_stop() - Watch no longer. There is no producer any more. */
void llamux_producers_stop(void);

#endif

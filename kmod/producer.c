// SPDX-License-Identifier: GPL-2.0
#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/memcontrol.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/suspend.h>
#include <linux/wait.h>

#include "conversation.h"
#include "threads.h"

#define AHEAD 4096	/* bytes that are made before somebody reads them */

/* Users' processes freeze before a hibernation takes memory for its image, the kernel's threads after. */
static bool hibernating;
static DECLARE_WAIT_QUEUE_HEAD(resumed);

static int on_sleep(struct notifier_block *self, unsigned long event, void *data)
{
	if (event == PM_HIBERNATION_PREPARE) {
		WRITE_ONCE(hibernating, true);
	} else if (event == PM_POST_HIBERNATION) {
		WRITE_ONCE(hibernating, false);
		wake_up_all(&resumed);
	}
	return NOTIFY_DONE;
}

static struct notifier_block sleep_notifier = { .notifier_call = on_sleep };

/* Whether to stop; a thread that is to freeze, or would find no memory, goes on afterwards. */
static int heed(void *arg)
{
	const struct llamux_conversation *c = arg;

	cond_resched();
	if (READ_ONCE(c->maker.halted) || !READ_ONCE(c->streaming) || freezing(current) ||
	    READ_ONCE(hibernating))
		return -ERESTARTSYS;
	return 0;
}

static bool is_wanted(const struct llamux_conversation *c)
{
	return !c->maker.halted && c->streaming && !c->done && !c->failure &&
	       c->answer.n < c->taken + AHEAD;
}

static void make(struct kthread_work *work)
{
	struct llamux_conversation *c = container_of(work, struct llamux_conversation, maker.work);
	const struct llama_yield yield = { .fn = heed, .arg = c };
	struct mem_cgroup *memcg;
	bool wanted;
	size_t have;
	u64 serial;
	int err;

	wait_event_freezable(resumed, !READ_ONCE(hibernating) || READ_ONCE(c->maker.halted));
	mutex_lock(&c->answer_lock);
	wanted = is_wanted(c);
	serial = c->serial;
	have = c->answer.n;
	mutex_unlock(&c->answer_lock);
	if (!wanted)
		return;
	memcg = set_active_memcg(c->maker.memcg);
	err = llamux_conversation_advance(c, serial, have, &yield);
	set_active_memcg(memcg);
	if (err && err != -ERESTARTSYS) {
		mutex_lock(&c->answer_lock);
		c->failure = err;
		mutex_unlock(&c->answer_lock);
		wake_up_all(&c->wait);
		return;
	}
	kthread_queue_work(c->maker.worker, &c->maker.work);
}

void llamux_maker_init(struct llamux_conversation *c)
{
	kthread_init_work(&c->maker.work, make);
	c->maker.memcg = get_mem_cgroup_from_mm(current->mm);
}

int llamux_maker_start(struct llamux_conversation *c)
{
	struct kthread_worker *worker = c->maker.worker;

	if (!worker) {
		worker = kthread_create_worker(KTW_FREEZABLE, "llamux/answer");
		if (IS_ERR(worker))
			return PTR_ERR(worker);
		c->maker.worker = worker;
	}
	/* Of aio a kernel's thread polls, which is nobody's. */
	if (!(current->flags & PF_KTHREAD))
		llamux_lend(worker->task, current->cpus_ptr);
	kthread_queue_work(worker, &c->maker.work);
	return 0;
}

/* Wait until it rests, which it shall by now. */
static void cancel(struct llamux_maker *maker)
{
	wake_up_all(&resumed);
	kthread_cancel_work_sync(&maker->work);
}

int llamux_maker_halt(struct llamux_conversation *c)
{
	struct kthread_worker *worker;

	if (mutex_lock_interruptible(&c->answer_lock))
		return -ERESTARTSYS;
	worker = c->maker.worker;
	WRITE_ONCE(c->maker.halted, true);
	mutex_unlock(&c->answer_lock);
	if (worker)
		cancel(&c->maker);
	mutex_lock(&c->answer_lock);
	WRITE_ONCE(c->maker.halted, false);
	/* Somebody may have asked for the answer meanwhile. */
	if (worker && is_wanted(c))
		kthread_queue_work(worker, &c->maker.work);
	mutex_unlock(&c->answer_lock);
	return 0;
}

void llamux_maker_free(struct llamux_conversation *c)
{
	if (c->maker.worker) {
		WRITE_ONCE(c->maker.halted, true);
		cancel(&c->maker);
		kthread_destroy_worker(c->maker.worker);
	}
	mem_cgroup_put(c->maker.memcg);
}

int llamux_makers_start(void)
{
	return register_pm_notifier(&sleep_notifier);
}

void llamux_makers_stop(void)
{
	unregister_pm_notifier(&sleep_notifier);
}

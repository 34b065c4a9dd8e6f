// SPDX-License-Identifier: GPL-2.0
#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/memcontrol.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/suspend.h>
#include <linux/wait.h>

#include "producer.h"
#include "resources/threads.h"

/* A hibernation freezes processes, takes memory for its image, and freezes kernel threads last. */
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

static bool is_halted(const struct llamux_producer *p)
{
	return READ_ONCE(p->halts);
}

/* A step that stops to freeze, or because it might find no memory, is repeated afterwards. */
static int yield_step(void *arg)
{
	struct llamux_producer *p = arg;

	cond_resched();
	if (is_halted(p) || !p->ops->wanted(p) || freezing(current) || READ_ONCE(hibernating))
		return -ERESTARTSYS;
	return 0;
}

static void produce(struct kthread_work *work)
{
	struct llamux_producer *p = container_of(work, struct llamux_producer, work);
	const struct llama_yield yield = { .fn = yield_step, .arg = p };
	struct mem_cgroup *memcg;
	int err;

	wait_event_freezable(resumed, !READ_ONCE(hibernating) || is_halted(p));
	if (is_halted(p))
		return;
	memcg = set_active_memcg(p->memcg);
	err = p->ops->step(p, &yield);
	set_active_memcg(memcg);
	if (!err || err == -ERESTARTSYS)
		kthread_queue_work(p->worker, &p->work);
	else if (err != -EAGAIN)
		p->ops->failed(p, err);
}

void llamux_producer_init(struct llamux_producer *p, const struct llamux_producer_ops *ops,
			  struct mem_cgroup *memcg)
{
	memset(p, 0, sizeof(*p));
	mutex_init(&p->lock);
	kthread_init_work(&p->work, produce);
	p->ops = ops;
	p->memcg = memcg;
}

static int start(struct llamux_producer *p)
{
	struct kthread_worker *worker = p->worker;

	lockdep_assert_held(&p->lock);
	if (!worker) {
		worker = kthread_create_worker(KTW_FREEZABLE, "llamux/answer");
		if (IS_ERR(worker))
			return PTR_ERR(worker);
		p->worker = worker;
	}
	/* With aio, a kernel thread polls in place of the task. */
	if (!(current->flags & PF_KTHREAD))
		llamux_threads_inherit(worker->task, current->cpus_ptr);
	kthread_queue_work(worker, &p->work);
	return 0;
}

int llamux_producer_start(struct llamux_producer *p)
{
	int err;

	mutex_lock(&p->lock);
	err = start(p);
	mutex_unlock(&p->lock);
	return err;
}

/* Wait until a halted producer rests. */
static void cancel(struct llamux_producer *p)
{
	wake_up_all(&resumed);
	kthread_cancel_work_sync(&p->work);
}

int llamux_producer_halt(struct llamux_producer *p)
{
	bool started;

	if (mutex_lock_interruptible(&p->lock))
		return -ERESTARTSYS;
	WRITE_ONCE(p->halts, p->halts + 1);
	started = p->worker;
	mutex_unlock(&p->lock);
	if (started)
		cancel(p);
	mutex_lock(&p->lock);
	WRITE_ONCE(p->halts, p->halts - 1);
	/* It may have been started meanwhile. */
	if (p->worker)
		kthread_queue_work(p->worker, &p->work);
	mutex_unlock(&p->lock);
	return 0;
}

void llamux_producer_free(struct llamux_producer *p)
{
	if (!p->worker)
		return;
	WRITE_ONCE(p->halts, p->halts + 1);
	cancel(p);
	kthread_destroy_worker(p->worker);
}

int llamux_producers_start(void)
{
	return register_pm_notifier(&sleep_notifier);
}

void llamux_producers_stop(void)
{
	unregister_pm_notifier(&sleep_notifier);
}

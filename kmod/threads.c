// SPDX-License-Identifier: GPL-2.0
/* Worker threads. */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "log.h"
#include "threads.h"

#define SPIN_NS (50 * NSEC_PER_USEC)	/* how long to look for work before sleeping */

struct helper {
	struct llama_helper place;
	struct task_struct *task;
	wait_queue_head_t wait;
} ____cacheline_aligned;

/*
 * struct pool - The helpers and what they are at.
 * @lock:     Guards @team and @allowed; its holder alone opens @rounds.
 * @callers:  Tasks that are computing.
 * @n_workers: Helpers and a caller.
 * @finished: Where a caller waits for a helper's round.
 * @allowed:  The caller's processors.
 */
static struct {
	struct mutex lock;		/* whose holder has the helpers */
	atomic_t callers;
	u32 n_workers;
	struct llama_team team;
	wait_queue_head_t finished;
	struct cpumask allowed;
	struct llama_rounds rounds ____cacheline_aligned;
	struct helper helpers[LLAMA_MAX_WORKERS - 1];
} pool = {
	.lock = __MUTEX_INITIALIZER(pool.lock),
	.n_workers = 1,
	.finished = __WAIT_QUEUE_HEAD_INITIALIZER(pool.finished),
};

/* Another loop mostly follows at once. Return: whether it did. */
static bool spin(struct helper *h)
{
	u64 end = ktime_get_ns() + SPIN_NS;
	u32 i;

	do {
		for (i = 0; i < 32; i++) {
			if (llama_rounds_wanted(&pool.rounds, &h->place))
				return true;
			cpu_relax();
		}
	} while (!need_resched() && ktime_get_ns() < end);
	return false;
}

static int help(void *arg)
{
	struct helper *h = arg;

	set_freezable();
	while (!kthread_should_stop()) {
		if (llama_rounds_help(&pool.rounds, &h->place)) {
			/* Its full barrier pairs with the one in wait_event(). */
			if (waitqueue_active(&pool.finished))
				wake_up(&pool.finished);
			cond_resched();
		} else if (!spin(h)) {
			wait_event_freezable(h->wait,
					     llama_rounds_wanted(&pool.rounds, &h->place) ||
					     kthread_should_stop());
		}
	}
	return 0;
}

/* Those that may take part in @n rounds. */
static void wake_helpers(u32 n)
{
	u32 i;

	/* Either a helper sees the rounds, or they see it sleep: pairs with wait_event(). */
	smp_mb();
	for (i = 0; i + 1 < n; i++) {
		/* See above. */
		if (waitqueue_active(&pool.helpers[i].wait))
			wake_up(&pool.helpers[i].wait);
	}
}

/* A helper with a round may have lost its processor, even to the caller. */
static void join(void)
{
	u64 end = ktime_get_ns() + SPIN_NS;
	u32 i;

	for (i = 1; !llama_rounds_done(&pool.rounds); i++) {
		if (need_resched() || (!(i % 32) && ktime_get_ns() > end)) {
			wait_event(pool.finished, llama_rounds_done(&pool.rounds));
			return;
		}
		cpu_relax();
	}
}

static int run(struct llama_team *team, const struct llama_loop *loop,
	       const struct llama_yield *yield)
{
	int err;

	if (loop->n < 2)
		return llama_team_run(NULL, loop, yield);
	llama_rounds_open(&pool.rounds, loop, team->n_workers);
	wake_helpers(min(team->n_workers, loop->n));
	err = llama_rounds_work(&pool.rounds, yield);
	join();
	return err;
}

/* Processors that the caller may use, and that are there. */
static u32 n_processors(void)
{
	u32 n = 0;
	int cpu;

	cpumask_copy(&pool.allowed, current->cpus_ptr);
	for_each_cpu_and(cpu, &pool.allowed, cpu_online_mask)
		n++;
	return n;
}

void llamux_lend(struct task_struct *helper, const struct cpumask *allowed)
{
	int nice = current->policy == SCHED_IDLE ? MAX_NICE : task_nice(current);

	if (task_nice(helper) != nice)
		set_user_nice(helper, nice);
	/* Not while a processor goes: a kernel thread may be moved to it still, and go with it. */
	if (!cpumask_equal(helper->cpus_ptr, allowed) && cpus_read_trylock()) {
		set_cpus_allowed_ptr(helper, allowed);
		cpus_read_unlock();
	}
}

struct llama_team *llamux_team_get(void)
{
	u32 others = atomic_inc_return(&pool.callers) - 1;
	u32 n, i;

	if (pool.n_workers == 1 || !mutex_trylock(&pool.lock))
		return NULL;
	n = min(pool.n_workers, n_processors());
	if (n < others + 2) {
		mutex_unlock(&pool.lock);
		return NULL;
	}
	pool.team.n_workers = n - others;
	pool.team.run = run;
	for (i = 0; i + 1 < pool.team.n_workers; i++)
		llamux_lend(pool.helpers[i].task, &pool.allowed);
	return &pool.team;
}

void llamux_team_put(struct llama_team *team)
{
	atomic_dec(&pool.callers);
	if (team)
		mutex_unlock(&pool.lock);
}

u32 llamux_threads_max(void)
{
	return pool.n_workers;
}

static int start_helper(struct helper *h)
{
	struct task_struct *task;

	h->place.worker = pool.n_workers;
	init_waitqueue_head(&h->wait);
	task = kthread_run(help, h, "llamux/%u", pool.n_workers);
	if (IS_ERR(task))
		return PTR_ERR(task);
	h->task = task;
	pool.n_workers++;
	return 0;
}

int llamux_threads_start(u32 threads)
{
	u32 n = min3(threads ? threads : num_online_cpus(), num_possible_cpus(),
		     (u32)LLAMA_MAX_WORKERS);
	int err = 0;

	while (!err && pool.n_workers < n)
		err = start_helper(&pool.helpers[pool.n_workers - 1]);
	if (!err)
		return 0;
	pr_err("worker threads cannot be started (error %d)\n", err);
	llamux_threads_stop();
	return err;
}

void llamux_threads_stop(void)
{
	while (pool.n_workers > 1)
		kthread_stop(pool.helpers[--pool.n_workers - 1].task);
}

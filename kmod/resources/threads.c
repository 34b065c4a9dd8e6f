// SPDX-License-Identifier: GPL-2.0
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

/**
 * struct helper - A worker thread.
 * @place: Its place in the rounds.
 * @task:  Thread.
 * @wait:  Where it sleeps without work.
 */
struct helper {
	struct llama_helper place;
	struct task_struct *task;
	wait_queue_head_t wait;
} ____cacheline_aligned;

/*
 * struct pool - All helpers.
 * @lock:      Held by the task that has acquired the helpers. Guards @team and @allowed, and only
 *             its holder opens @rounds.
 * @callers:   Number of tasks that are computing.
 * @n_workers: Number of helpers, and 1 for the caller.
 * @team:      Caller and helpers.
 * @finished:  Where the caller waits for helpers to finish their rounds.
 * @allowed:   Processors of the caller.
 * @rounds:    Loop that the team computes.
 * @helpers:   (n_workers - 1,) helpers.
 */
static struct {
	struct mutex lock;		/* see above */
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

/* Wait for work: mostly another loop follows at once. Return: whether it did. */
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

static int helper_main(void *arg)
{
	struct helper *h = arg;

	set_freezable();
	while (!kthread_should_stop()) {
		if (llama_rounds_help(&pool.rounds, &h->place)) {
			/* Its full barrier pairs with wait_event() in join(). */
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

/* Wake the helpers that can take part in @n rounds. */
static void wake_helpers(u32 n)
{
	u32 i;

	/* Either a helper sees the rounds, or it is seen to sleep: pairs with wait_event(). */
	smp_mb();
	for (i = 0; i + 1 < n; i++) {
		/* See above. */
		if (waitqueue_active(&pool.helpers[i].wait))
			wake_up(&pool.helpers[i].wait);
	}
}

/* Wait for the helpers. One may have lost its processor within a round, even to the caller. */
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

/* Run a loop: the team's function. */
static int run_loop(struct llama_team *team, const struct llama_loop *loop,
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

/* Return: number of online processors that the caller may use. */
static u32 n_processors(void)
{
	u32 n = 0;
	int cpu;

	cpumask_copy(&pool.allowed, current->cpus_ptr);
	for_each_cpu_and(cpu, &pool.allowed, cpu_online_mask)
		n++;
	return n;
}

void llamux_threads_inherit(struct task_struct *thread, const struct cpumask *allowed)
{
	int nice = current->policy == SCHED_IDLE ? MAX_NICE : task_nice(current);

	if (task_nice(thread) != nice)
		set_user_nice(thread, nice);
	/* A kernel thread that is moved to a processor just when that is removed would be lost. */
	if (!cpumask_equal(thread->cpus_ptr, allowed) && cpus_read_trylock()) {
		set_cpus_allowed_ptr(thread, allowed);
		cpus_read_unlock();
	}
}

struct llama_team *llamux_threads_acquire(void)
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
	pool.team.run = run_loop;
	for (i = 0; i + 1 < pool.team.n_workers; i++)
		llamux_threads_inherit(pool.helpers[i].task, &pool.allowed);
	return &pool.team;
}

void llamux_threads_release(struct llama_team *team)
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
	task = kthread_run(helper_main, h, "llamux/%u", pool.n_workers);
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

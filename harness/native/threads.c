// SPDX-License-Identifier: GPL-2.0
/* Teams of POSIX threads. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "threads.h"

#define SPIN_NS 50000	/* how long to wait before sleeping */

struct pool;

struct worker {
	struct pool *pool;
	struct llama_helper helper;
	pthread_t thread;
} __aligned(64);

/* @lock and @work are for sleeping only; @sleepers counts threads that are about to sleep. */
struct pool {
	struct llama_team team;
	struct llama_rounds rounds;
	pthread_mutex_t lock;
	pthread_cond_t work;
	atomic64_t sleepers;
	bool stop;
	u32 n_started;
	struct worker workers[];	/* (n_workers - 1) */
};

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Spin for another loop, which mostly follows at once. Return: whether one began. */
static bool spin(struct worker *w)
{
	u64 end = now_ns() + SPIN_NS;
	u32 i;

	do {
		for (i = 0; i < 32; i++) {
			if (llama_rounds_wanted(&w->pool->rounds, &w->helper))
				return true;
			relax();
		}
	} while (now_ns() < end);
	return false;
}

/* Sleep until there is work. Return: whether to continue. */
static bool sleep_until_wanted(struct worker *w)
{
	struct pool *p = w->pool;
	bool stop;

	pthread_mutex_lock(&p->lock);
	/* Either the caller sees the count, or the check below sees the caller's rounds. */
	__atomic_add_fetch(&p->sleepers.counter, 1, __ATOMIC_SEQ_CST);
	while (!p->stop && !llama_rounds_wanted(&p->rounds, &w->helper))
		pthread_cond_wait(&p->work, &p->lock);
	__atomic_sub_fetch(&p->sleepers.counter, 1, __ATOMIC_SEQ_CST);
	stop = p->stop;
	pthread_mutex_unlock(&p->lock);
	return !stop;
}

static void *help(void *arg)
{
	struct worker *w = arg;

	do {
		while (llama_rounds_help(&w->pool->rounds, &w->helper) || spin(w))
			;
	} while (sleep_until_wanted(w));
	return NULL;
}

static void wake(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
}

static void join(struct pool *p)
{
	u64 end = now_ns() + SPIN_NS;
	u32 i;

	for (i = 1; !llama_rounds_done(&p->rounds); i++) {
		if (i % 32 || now_ns() < end)
			relax();
		else
			sched_yield();
	}
}

static int run(struct llama_team *team, const struct llama_loop *loop,
	       const struct llama_yield *yield)
{
	struct pool *p = (struct pool *)team;
	int err;

	if (loop->n < 2 || team->n_workers < 2)
		return llama_team_run(NULL, loop, yield);
	llama_rounds_open(&p->rounds, loop, team->n_workers);
	if (__atomic_fetch_add(&p->sleepers.counter, 0, __ATOMIC_SEQ_CST))
		wake(p);
	err = llama_rounds_work(&p->rounds, yield);
	join(p);
	return err;
}

void llamuxu_team_close(struct llama_team *team)
{
	struct pool *p = (struct pool *)team;
	u32 i;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (i = 0; i < p->n_started; i++)
		pthread_join(p->workers[i].thread, NULL);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* Signals belong to the program's own threads. */
static bool start(struct pool *p, u32 i)
{
	struct worker *w = &p->workers[i];
	sigset_t all, before;
	int err;

	w->pool = p;
	w->helper.worker = i + 1;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&w->thread, NULL, help, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return !err;
}

struct llama_team *llamuxu_team_open(u32 n_workers)
{
	size_t size = sizeof(struct pool) + n_workers * sizeof(struct worker);
	struct pool *p = NULL;

	if (!n_workers || n_workers > LLAMA_MAX_WORKERS || posix_memalign((void **)&p, 64, size))
		return NULL;
	memset(p, 0, size);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	p->team.n_workers = n_workers;
	p->team.run = run;
	while (p->n_started < n_workers - 1 && start(p, p->n_started))
		p->n_started++;
	if (p->n_started == n_workers - 1)
		return &p->team;
	llamuxu_team_close(&p->team);
	return NULL;
}

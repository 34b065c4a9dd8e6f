// SPDX-License-Identifier: GPL-2.0
/*
 * Wake-up latency of a task that sleeps until the next millisecond: by scheduling policy, while
 * nothing runs, while PROCESSES compute in userspace, and while as many read answers of the model.
 *
 *	latency SECONDS PROCESSES
 *
 * Output: for each load and policy, measured for SECONDS, a line
 *
 *	LOAD POLICY WAKES P50 P99 MAX BYTES HELD_P50 HELD_MAX FROM TO
 *
 * All times are in microseconds. BYTES is the length of the answers that were read meanwhile. HELD
 * is the longest time of a second for which a processor could not be preempted, which the tracer
 * preemptirqsoff measures; FROM and TO are the functions at the ends of the longest time. These
 * four are "-" without the tracer. Exit codes: 0, 2 if something failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../shared/array.h"
#define DIE_STATUS 2
#include "../../shared/die.h"
#include "loads.h"
#include "tracer.h"

#define PERIOD_NS 1000000

static const struct policy {
	const char *name;
	int policy;
	int priority;
} policies[] = {
	{ "SCHED_OTHER", SCHED_OTHER, 0 },
	{ "SCHED_FIFO", SCHED_FIFO, 50 },
};

/* Return the time in nanoseconds. */
static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Sleep for @n periods; fill @late with the latencies in nanoseconds. Return: number of wakes. */
static size_t measure(uint32_t *late, size_t n)
{
	int64_t due = now_ns(), end = due + (int64_t)n * PERIOD_NS, now;
	struct timespec t;
	size_t i = 0;

	for (;;) {
		due += PERIOD_NS;
		t.tv_sec = due / 1000000000;
		t.tv_nsec = due % 1000000000;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
			;
		now = now_ns();
		if (now >= end || i == n)
			return i;
		late[i++] = now - due > UINT32_MAX ? UINT32_MAX : now - due;
		/* A wake after the next one was due counts once. */
		while (due + PERIOD_NS < now)
			due += PERIOD_NS;
	}
}

/* Measure each second by itself: a disturbance spoils one second. Return: number of wakes. */
static size_t measure_all(uint32_t *late, size_t n, struct held *h)
{
	size_t one = 1000000000 / PERIOD_NS, got = 0, s;
	bool traced = tracer_is_on();

	for (s = 0; s < n / one; s++) {
		if (traced)
			tracer_reset();
		got += measure(late + got, one);
		if (traced)
			tracer_take(h);
	}
	return got;
}

/* Measure under a load and a policy, and print the line. */
static void report(const struct load *l, const struct policy *p, uint32_t *late, size_t n)
{
	struct sched_param param = { .sched_priority = p->priority };
	static struct held held;
	uint64_t before;
	size_t got;

	memset(&held, 0, sizeof(held));
	if (sched_setscheduler(0, p->policy, &param))
		die("sched_setscheduler");
	before = loads_bytes();
	got = measure_all(late, n, &held);
	if (!got)
		exit(2);
	qsort(late, got, sizeof(*late), compare);
	printf("%s %s %zu %.1f %.1f %.1f %llu", l->name, p->name, got, late[got / 2] / 1e3,
	       late[got * 99 / 100] / 1e3, late[got - 1] / 1e3,
	       (unsigned long long)(loads_bytes() - before));
	if (held.n) {
		qsort(held.us, held.n, sizeof(held.us[0]), compare);
		printf(" %u %u %s %s\n", held.us[held.n / 2], held.max, held.from, held.to);
	} else {
		printf(" - - - -\n");
	}
	fflush(stdout);
}

/* Start a load, measure with each policy, and kill the load; exit with 2 if it ended before. */
static void run(const struct load *l, int processes, uint32_t *late, size_t n)
{
	pid_t pids[MAX_PROCESSES];
	size_t i;
	int k;

	for (k = 0; k < processes; k++) {
		pids[k] = fork();
		if (pids[k] < 0)
			die("fork");
		if (!pids[k]) {
			struct sched_param param = { };

			sched_setscheduler(0, SCHED_OTHER, &param);
			l->run(k);
			exit(0);
		}
	}
	sleep(1);
	if (l->reads)
		loads_wait(processes);
	for (i = 0; i < ARRAY_SIZE(policies); i++)
		report(l, &policies[i], late, n);
	for (k = 0; k < processes; k++) {
		if (waitpid(pids[k], NULL, WNOHANG))
			exit(2);
		kill(pids[k], SIGKILL);
		waitpid(pids[k], NULL, 0);
	}
}

int main(int argc, char **argv)
{
	int seconds = argc == 3 ? atoi(argv[1]) : 0, processes = argc == 3 ? atoi(argv[2]) : 0;
	size_t i, n = seconds * (1000000000ull / PERIOD_NS);
	uint32_t *late;

	if (seconds < 1 || seconds > MAX_SECONDS || processes < 1 || processes > MAX_PROCESSES) {
		fprintf(stderr, "latency SECONDS PROCESSES\n");
		return 2;
	}
	late = calloc(n, sizeof(*late));
	if (!late)
		die("calloc");
	loads_open();
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		die("mlockall");
	for (i = 0; i < n_loads; i++)
		run(&loads[i], processes, late, n);
	free(late);
	return 0;
}

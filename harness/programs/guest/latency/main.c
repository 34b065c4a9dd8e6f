// SPDX-License-Identifier: GPL-2.0
/*
 *	latency SECONDS PROCESSES
 *
 * How late a task wakes that sleeps until the next millisecond, by policy, while
 * nothing runs, while so many processes compute in userspace, and while as many
 * read answers of the model. Prints for each
 *
 *	LOAD POLICY WAKES P50 P99 MAX BYTES HELD_P50 HELD_MAX FROM TO
 *
 * in microseconds; the bytes are those of the answers meanwhile. Where the tracer
 * preemptirqsoff is on, HELD is the longest time in each second for which some
 * processor could not be taken away; the longest of all was held from one function
 * to another. Else these are "- - - -".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PERIOD_NS 1000000
#define MAX_PROCESSES 64
#define MAX_SECONDS 3600
#define TRACING "/sys/kernel/tracing/"

static uint64_t *bytes_read;	/* by each process; shared */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void load_nothing(int number)
{
	(void)number;
	pause();
}

static void load_loop(int number)
{
	volatile int n = number;

	for (;;)
		n++;
}

static void give_up(const char *what)
{
	perror(what);
	exit(2);
}

static void load_answers(int number)
{
	static const char options[] = "max_tokens 2000\ntemperature 1\ntemplate none\n";
	char data[4096];
	ssize_t got;
	int fd;

	setsid();
	fd = open("/proc/llamux/options", O_WRONLY);
	if (fd < 0 || write(fd, options, strlen(options)) < 0)
		give_up("/proc/llamux/options");
	fd = open("/proc/llamux/prompt", O_RDWR);
	if (fd < 0)
		give_up("/proc/llamux/prompt");
	for (;;) {
		snprintf(data, sizeof(data), "Tell story number %d.", number);
		if (write(fd, data, strlen(data)) < 0)
			give_up("write");
		while ((got = read(fd, data, sizeof(data))) > 0)
			__atomic_fetch_add(&bytes_read[number], got, __ATOMIC_RELAXED);
		if (got < 0)
			give_up("read");
	}
}

static const struct load {
	const char *name;
	void (*run)(int number);
	bool reads;
} loads[] = {
	{ "quiet", load_nothing, false },
	{ "loops", load_loop, false },
	{ "answers", load_answers, true },
};

static const struct policy {
	const char *name;
	int policy;
	int priority;
} policies[] = {
	{ "SCHED_OTHER", SCHED_OTHER, 0 },
	{ "SCHED_FIFO", SCHED_FIFO, 50 },
};

static uint64_t all_bytes(void)
{
	uint64_t sum = 0;
	int k;

	for (k = 0; k < MAX_PROCESSES; k++)
		sum += __atomic_load_n(&bytes_read[k], __ATOMIC_RELAXED);
	return sum;
}

/* Wait until every process is past its prompt; the host limits the time. */
static void wait_for_answers(int processes)
{
	int k;

	for (k = 0; k < processes; k++)
		while (!__atomic_load_n(&bytes_read[k], __ATOMIC_RELAXED))
			usleep(10000);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Fill @late with nanoseconds. Return: how many. */
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
		/* A wake after the next one was due stands for both. */
		while (due + PERIOD_NS < now)
			due += PERIOD_NS;
	}
}

/**
 * struct held - How long a processor could not be taken away
 * @us:   The longest time of each second, in microseconds.
 * @n:    Seconds.
 * @max:  The longest of all.
 * @from: Where that one began.
 * @to:   Where it ended.
 */
struct held {
	uint32_t us[MAX_SECONDS];
	size_t n;
	uint32_t max;
	char from[64];
	char to[64];
};

static bool tracing(void)
{
	char name[32] = "";
	FILE *f = fopen(TRACING "current_tracer", "r");

	if (!f)
		return false;
	if (fscanf(f, "%31s", name) != 1)
		name[0] = 0;
	fclose(f);
	return !strcmp(name, "preemptirqsoff");
}

static void forget_held(void)
{
	FILE *f = fopen(TRACING "tracing_max_latency", "w");

	if (!f || fputs("0", f) < 0 || fclose(f))
		give_up("tracing_max_latency");
}

static void take_held(struct held *h)
{
	FILE *f = fopen(TRACING "tracing_max_latency", "r");
	uint32_t us;
	char line[256];

	if (!f || fscanf(f, "%u", &us) != 1)
		give_up("tracing_max_latency");
	fclose(f);
	h->us[h->n++] = us;
	if (us <= h->max)
		return;
	h->max = us;
	f = fopen(TRACING "trace", "r");
	if (!f)
		give_up("trace");
	while (fgets(line, sizeof(line), f) && line[0] == '#') {
		sscanf(line, "# => started at: %63s", h->from);
		sscanf(line, "# => ended at: %63s", h->to);
	}
	fclose(f);
}

/* Second by second, so that one disturbance is one second's. Return: how many wakes. */
static size_t measure_all(uint32_t *late, size_t n, struct held *h)
{
	size_t one = 1000000000 / PERIOD_NS, got = 0, s;
	bool traced = tracing();

	for (s = 0; s < n / one; s++) {
		if (traced)
			forget_held();
		got += measure(late + got, one);
		if (traced)
			take_held(h);
	}
	return got;
}

static void report(const struct load *l, const struct policy *p, uint32_t *late, size_t n)
{
	struct sched_param param = { .sched_priority = p->priority };
	static struct held held;
	uint64_t before;
	size_t got;

	memset(&held, 0, sizeof(held));
	if (sched_setscheduler(0, p->policy, &param))
		give_up("sched_setscheduler");
	before = all_bytes();
	got = measure_all(late, n, &held);
	if (!got)
		exit(2);
	qsort(late, got, sizeof(*late), compare);
	printf("%s %s %zu %.1f %.1f %.1f %llu", l->name, p->name, got, late[got / 2] / 1e3,
	       late[got * 99 / 100] / 1e3, late[got - 1] / 1e3,
	       (unsigned long long)(all_bytes() - before));
	if (held.n) {
		qsort(held.us, held.n, sizeof(held.us[0]), compare);
		printf(" %u %u %s %s\n", held.us[held.n / 2], held.max, held.from, held.to);
	} else {
		printf(" - - - -\n");
	}
	fflush(stdout);
}

static void run(const struct load *l, int processes, uint32_t *late, size_t n)
{
	pid_t pids[MAX_PROCESSES];
	size_t i;
	int k;

	for (k = 0; k < processes; k++) {
		pids[k] = fork();
		if (pids[k] < 0)
			give_up("fork");
		if (!pids[k]) {
			struct sched_param param = { };

			sched_setscheduler(0, SCHED_OTHER, &param);
			l->run(k);
			exit(0);
		}
	}
	sleep(1);
	if (l->reads)
		wait_for_answers(processes);
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
		give_up("calloc");
	bytes_read = mmap(NULL, MAX_PROCESSES * sizeof(*bytes_read), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (bytes_read == MAP_FAILED || mlockall(MCL_CURRENT | MCL_FUTURE))
		give_up("mlockall");
	for (i = 0; i < ARRAY_SIZE(loads); i++)
		run(&loads[i], processes, late, n);
	free(late);
	return 0;
}

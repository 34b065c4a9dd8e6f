// SPDX-License-Identifier: GPL-2.0
/* One program, in a process and a session of its own. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define LONGEST_MS 20000	/* run time of a program, times patience() */
#define PATIENCE_MS 120000	/* time for a killed one to end, times patience() */

struct shared *shared;

static struct {
	const struct input *input;
	uint32_t begin;		/* operations before this one are done */
	uint32_t n_threads;
} program;

void execution_open(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1)) {
		perror("fuzz_kernel");
		exit(2);
	}
}

static void nothing(int signal)
{
	(void)signal;
}

static void set_signals(void)
{
	struct sigaction interrupt = { .sa_handler = nothing };

	signal(SIGPIPE, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	sigaction(SIGALRM, &interrupt, NULL);
	sigaction(SIGUSR1, &interrupt, NULL);
}

/* Answers of a few tokens, so that many programs are run. */
static void limit_answers(void)
{
	int fd = open("/proc/llamux/options", O_WRONLY);

	if (fd < 0 || write(fd, "max_tokens 3\n", 13) < 0)
		_exit(3);
	close(fd);
}

static void *run_thread(void *argument)
{
	uint32_t t = (uintptr_t)argument;

	if (!operations_begin_thread())
		return NULL;
	coverage_begin(t);
	operations_run(program.input, program.begin, n_operations(program.input), t,
		       program.n_threads);
	coverage_end(t);
	return NULL;
}

static void run_threads(void)
{
	pthread_t threads[MAX_THREADS];
	bool begun[MAX_THREADS] = { };
	uintptr_t t;

	for (t = 1; t < program.n_threads; t++)
		begun[t] = !pthread_create(&threads[t], NULL, run_thread, (void *)t);
	operations_run(program.input, program.begin, n_operations(program.input), 0,
		       program.n_threads);
	for (t = 1; t < program.n_threads; t++)
		if (begun[t])
			pthread_join(threads[t], NULL);
}

static void run_program(const struct input *input)
{
	uint8_t how = input->n ? input->bytes[0] : 0;
	uint32_t n = n_operations(input);

	setsid();
	set_signals();
	/* While this is open, the module stays. */
	if (open("/proc/llamux/status", O_RDONLY) < 0)
		_exit(3);
	if (how & 4 && (setgroups(0, NULL) || setresgid(USER, USER, USER) ||
			setresuid(USER, USER, USER)))
		_exit(3);
	if (!(how & 8))
		limit_answers();
	program.input = input;
	program.n_threads = (how & 3) < 2 ? 1 : how & 3;
	program.begin = n ? input->bytes[1] % (n + 1) : 0;
	if (!operations_begin())
		_exit(3);
	coverage_begin(0);
	operations_run(input, 0, program.begin, 0, 1);
	run_threads();
	operations_end();
	coverage_end(0);
	_exit(0);
}

static bool ends_within(pid_t pid, int ms)
{
	struct pollfd ended = { .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int n = poll(&ended, 1, ms);

	close(ended.fd);
	return n == 1;
}

static void kill_others(void)
{
	uint32_t i, n = __atomic_load_n(&shared->n_processes, __ATOMIC_RELAXED);

	for (i = 0; i < n && i < MAX_PROCESSES; i++)
		if (shared->processes[i] > 1)
			kill(shared->processes[i], SIGKILL);
}

/* Return the factor of time limits; the host sets it where it is slow or busy. */
static int64_t patience(void)
{
	const char *text = getenv("PATIENCE");
	long factor = text ? strtol(text, NULL, 10) : 1;

	return factor > 1 ? factor : 1;
}

/* Whatever the program has forked is this one's to end. Return: whether it has ended. */
static bool end_others(void)
{
	time_t end = time(NULL) + patience() * PATIENCE_MS / 1000;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
		if (time(NULL) > end)
			return false;
		kill_others();
		if (!pid)
			usleep(200);
	}
	return true;
}

static enum outcome wait_for(pid_t pid)
{
	enum outcome outcome = RUN_ENDED;
	int status;

	if (!ends_within(pid, patience() * LONGEST_MS)) {
		outcome = RUN_KILLED;
		kill(pid, SIGKILL);
		if (!ends_within(pid, patience() * PATIENCE_MS))
			return RUN_STUCK;
	}
	waitpid(pid, &status, 0);
	if (outcome == RUN_ENDED && status) {
		fprintf(stderr, "a program ended with status %#x\n", status);
		outcome = RUN_FAILED;
	}
	return end_others() ? outcome : RUN_STUCK;
}

enum outcome execute(const struct input *input)
{
	enum outcome outcome;
	pid_t pid;

	coverage_clear();
	shared->n_processes = 0;
	memset(shared->processes, 0, sizeof(shared->processes));
	shared->commanded = 0;
	pid = fork();
	if (!pid)
		run_program(input);
	if (pid < 0) {
		perror("fork");
		return RUN_FAILED;
	}
	outcome = wait_for(pid);
	if (shared->commanded)
		models_restore();
	return outcome;
}

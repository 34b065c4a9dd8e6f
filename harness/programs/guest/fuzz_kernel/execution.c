// SPDX-License-Identifier: GPL-2.0
/* The execution of a program in a process and a session of its own. */
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

#include "../../shared/procfs.h"
#include "coverage.h"
#include "execution.h"
#include "files.h"
#include "memory.h"
#include "models.h"
#include "operations.h"
#include "results.h"

#define LONGEST_MS 20000	/* run time of a program, times patience() */
#define PATIENCE_MS 120000	/* time for a killed one to end, times patience() */

struct results *results;

static struct {
	const struct input *input;
	uint32_t begin;		/* index of the first operation of the threads */
	uint32_t n_threads;
} program;

void execution_open(void)
{
	results = mmap(NULL, sizeof(*results), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (results == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1)) {
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

/* Limit answers to a few tokens, so that more programs run in the same time. */
static void limit_answers(void)
{
	int fd = open_and_write(OPTIONS, O_WRONLY, "max_tokens 3\n");

	if (fd < 0)
		_exit(3);
	close(fd);
}

static void *run_thread(void *argument)
{
	uint32_t t = (uintptr_t)argument;

	if (!memory_begin_thread())
		return NULL;
	coverage_begin(t);
	operations_run(program.input, program.begin, input_n_operations(program.input), t,
		       program.n_threads);
	coverage_end(t);
	return NULL;
}

/* Do the operations of all threads, of thread 0 in this one. */
static void run_threads(void)
{
	pthread_t threads[MAX_THREADS];
	bool begun[MAX_THREADS] = { };
	uintptr_t t;

	for (t = 1; t < program.n_threads; t++)
		begun[t] = !pthread_create(&threads[t], NULL, run_thread, (void *)t);
	operations_run(program.input, program.begin, input_n_operations(program.input), 0,
		       program.n_threads);
	for (t = 1; t < program.n_threads; t++)
		if (begun[t])
			pthread_join(threads[t], NULL);
}

/* Run a program and end the process; 3 if it cannot be run. */
static void run_program(const struct input *input)
{
	uint8_t how = input->n ? input->bytes[0] : 0;
	uint32_t n = input_n_operations(input);

	setsid();
	set_signals();
	/* An open file keeps the module loaded. */
	if (open(STATUS, O_RDONLY) < 0)
		_exit(3);
	if (how & 4 && (setgroups(0, NULL) || setresgid(USER, USER, USER) ||
			setresuid(USER, USER, USER)))
		_exit(3);
	if (!(how & 8))
		limit_answers();
	program.input = input;
	program.n_threads = (how & 3) < 2 ? 1 : how & 3;
	program.begin = n ? input->bytes[1] % (n + 1) : 0;
	if (!memory_begin())
		_exit(3);
	coverage_begin(0);
	operations_run(input, 0, program.begin, 0, 1);
	run_threads();
	files_close();
	coverage_end(0);
	_exit(0);
}

/* Return whether a process ends within @ms milliseconds. */
static bool ends_within(pid_t pid, int ms)
{
	struct pollfd ended = { .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int n = poll(&ended, 1, ms);

	close(ended.fd);
	return n == 1;
}

static void kill_others(void)
{
	uint32_t i, n = __atomic_load_n(&results->n_processes, __ATOMIC_RELAXED);

	for (i = 0; i < n && i < MAX_PROCESSES; i++)
		if (results->processes[i] > 1)
			kill(results->processes[i], SIGKILL);
}

/* Return the factor of time limits; the host sets it where it is slow or busy. */
static int64_t patience(void)
{
	const char *text = getenv("PATIENCE");
	long factor = text ? strtol(text, NULL, 10) : 1;

	return factor > 1 ? factor : 1;
}

/* Kill and wait for all processes that the program forked. Return: whether they ended. */
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

/* Wait for a program, and kill it if it takes too long. */
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
	results->n_processes = 0;
	memset(results->processes, 0, sizeof(results->processes));
	results->commanded = 0;
	pid = fork();
	if (!pid)
		run_program(input);
	if (pid < 0) {
		perror("fork");
		return RUN_FAILED;
	}
	outcome = wait_for(pid);
	if (results->commanded)
		models_restore();
	return outcome;
}

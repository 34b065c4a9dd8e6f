// SPDX-License-Identifier: GPL-2.0
/* Clients with several readers, or readers that are killed, interrupted or leave early. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../shared/array.h"
#include "../../shared/procfs.h"
#include "answer.h"
#include "chance.h"
#include "conversation.h"
#include "io.h"
#include "kinds.h"
#include "record.h"

/* Ask in a private or in the session's conversation, by chance. */
static int ask_either(struct conversation *c, const struct question *q)
{
	return random_below(2) ? conversation_ask_private(c, q) : conversation_ask_shared(c, q);
}

/* Start a process that reads the session's answer from its beginning. Return: its pid, or -1. */
static pid_t start_reader(const struct question *q)
{
	uint32_t seed = random_below(UINT32_MAX);
	pid_t pid = fork();
	int fd, err;

	if (pid)
		return pid;
	random_seed(seed);
	fd = io_open(PROMPT, O_RDONLY);
	err = fd < 0 ? fd : answer_read(fd, q);
	exit(err ? -err : 0);
}

/* Return: 0, or the -errno with which the reader ended. */
static int wait_for_reader(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
		record_fail("SIGSEGV ended a reader");
	return WIFEXITED(status) ? -WEXITSTATUS(status) : 0;
}

/* Read one answer with several processes at once. */
int run_several(void)
{
	const struct question *q = question_choose(&texts);
	uint32_t i, n = 2 + random_below(4);
	pid_t readers[5];
	struct conversation c;
	int one, err = conversation_ask_shared(&c, q);

	for (i = 0; i < n && !err; i++)
		readers[i] = start_reader(q);
	if (!err) {
		err = answer_read(c.prompt, q);
		for (i = 0; i < n; i++) {
			one = readers[i] < 0 ? -EAGAIN : wait_for_reader(readers[i]);
			err = err ? err : one;
		}
	}
	return conversation_close(&c, err);
}

/* Stop or kill readers one after the other; the last reader must find the whole answer. */
int run_killed(void)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGSTOP };
	const struct question *q = question_choose(&texts);
	uint32_t i, n = 1 + random_below(5);
	struct conversation c;
	int sig, err = conversation_ask_shared(&c, q);
	pid_t pid;

	for (i = 0; i < n && !err && !record->over; i++) {
		pid = start_reader(q);
		if (pid < 0)
			break;
		pause_up_to(1000000);
		sig = signals[random_below(ARRAY_SIZE(signals))];
		kill(pid, sig);
		record_add(COUNT_KILLS, 1);
		if (sig == SIGSTOP) {
			pause_up_to(200000);
			kill(pid, random_below(2) ? SIGCONT : SIGKILL);
		}
		err = wait_for_reader(pid);
	}
	if (!err)
		err = answer_read(c.prompt, q);
	return conversation_close(&c, err);
}

static uint32_t alarm_us;	/* time to the next SIGALRM */

/* Handle SIGALRM: set the next alarm. */
static void rearm(int sig)
{
	struct itimerval timer = { .it_value.tv_sec = alarm_us / 1000000,
				   .it_value.tv_usec = alarm_us % 1000000 };

	(void)sig;
	if (record->over)
		return;
	/* A pass that takes longer than the interval would never end, so the interval grows. */
	alarm_us = alarm_us * 3 / 2;
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Interrupt reads by signals; each read must go on where the last one ended. */
int run_interrupted(void)
{
	const struct question *q = question_choose(random_below(4) || getuid() ? &texts : &logits);
	struct sigaction action = { .sa_handler = rearm };
	struct conversation c = { -1, -1 };
	int err;

	if (q->options.n) {
		err = ask_either(&c, q);
	} else {
		c.prompt = io_open(LOGITS, O_RDWR);
		err = c.prompt < 0 ? c.prompt : io_write(c.prompt, q->prompt);
	}
	if (!err) {
		alarm_us = 500 + random_below(20000);
		sigaction(SIGALRM, &action, NULL);
		rearm(0);
		err = answer_read(c.prompt, q);
		signal(SIGALRM, SIG_IGN);
	}
	return conversation_close(&c, err);
}

/* Ask, and leave before the answer is complete. */
int run_abandoned(void)
{
	const struct question *q = question_choose(&texts);
	struct conversation c;
	long pos;
	int err = ask_either(&c, q);

	if (!err && random_below(4)) {
		pos = answer_read_some(c.prompt, q, 0, 1 + random_below(10), ODD);
		err = pos < 0 ? pos : 0;
	}
	return random_below(2) ? err : conversation_close(&c, err);
}

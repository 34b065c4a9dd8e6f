// SPDX-License-Identifier: GPL-2.0
/*
 * Many clients of /proc/llamux at once, while memory is short, processors are switched off and
 * readers are killed. Each operation runs in a process and a session of its own, and every answer
 * is compared with the one in the file of questions.
 *
 *	stress QUESTIONS SECONDS GRACE CLIENTS SEED MODEL OTHER
 *
 * CLIENTS processes begin operations for SECONDS; the last operations have GRACE seconds to end.
 * QUESTIONS is a file as questions.c describes it. MODEL is the file of the model that is loaded,
 * OTHER the file of another one.
 *
 * Output: the lines of record_print(). Exit codes: 0, 1 if anything was wrong, 2 if the program
 * could not run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chance.h"
#include "disturbers.h"
#include "kinds.h"
#include "questions.h"
#include "record.h"

#define USER 1000		/* user and group of half of the operations */

/* Return a kind by chance, in proportion to the weights. */
static const struct kind *choose_kind(void)
{
	uint32_t i, sum = 0;

	for (i = 0; i < n_kinds; i++)
		sum += kinds[i].weight;
	sum = random_below(sum);
	for (i = 0; sum >= kinds[i].weight; i++)
		sum -= kinds[i].weight;
	return &kinds[i];
}

/* Do one operation and end the process. */
static void run_operation(const struct kind *kind)
{
	int err;

	setsid();
	if (!kind->root && random_below(2) &&
	    (setgroups(0, NULL) || setgid(USER) || setuid(USER)))
		exit(2);
	err = kind->run();
	if (!err)
		__atomic_fetch_add(&record->operations[kind - kinds], 1, __ATOMIC_RELAXED);
	else if (err == -ENOMEM || err == -EUSERS)
		record_add(COUNT_POSTPONED, 1);
	else
		record_fail("%s: %s", kind->name, strerrorname_np(-err));
	exit(0);
}

/* Do an operation of kind @kind first and of random kinds then, until the record is over. */
static void run_client(uint64_t seed, const struct kind *kind)
{
	uint64_t round;
	int status;
	pid_t pid;

	for (round = 0; !record->over; round++) {
		random_seed(seed + (round << 32));
		if (round)
			kind = choose_kind();
		pid = fork();
		if (!pid)
			run_operation(kind);
		if (pid < 0)
			record_error(errno);
		else if (waitpid(pid, &status, 0) == pid && status)
			record_fail("%s: the process ended with status %#x", kind->name, status);
		pause_up_to(20000);
	}
	exit(0);
}

static pid_t start_client(uint64_t seed, const struct kind *kind)
{
	pid_t pid = fork();

	if (!pid)
		run_client(seed, kind);
	return pid;
}

static pid_t start_disturber(const struct disturber *d, uint64_t seed)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	random_seed(seed);
	/* One process must get its share beside a hundred clients. */
	if (setpriority(PRIO_PROCESS, 0, -20))
		exit(2);
	d->run();
	exit(0);
}

/* Wait for @n processes, @seconds at most. Return: number of those that have not ended. */
static uint32_t wait_for(uint32_t n, uint32_t seconds)
{
	time_t end = time(NULL) + seconds;
	int status;
	pid_t pid;

	while (n && time(NULL) < end) {
		pid = waitpid(-1, &status, WNOHANG);
		if (pid > 0) {
			n--;
			if (status)
				record_fail("a client or disturber ended with status %#x", status);
		} else {
			usleep(20000);
		}
	}
	return n;
}

int main(int argc, char **argv)
{
	uint32_t i, n, stuck, seconds, grace, clients;
	uint64_t seed;

	if (argc != 8) {
		fprintf(stderr, "stress QUESTIONS SECONDS GRACE CLIENTS SEED MODEL OTHER\n");
		return 2;
	}
	seconds = atoi(argv[2]);
	grace = atoi(argv[3]);
	clients = atoi(argv[4]);
	seed = strtoull(argv[5], NULL, 0) << 16;
	model_path = argv[6];
	other_path = argv[7];
	questions_load(argv[1]);
	record_open();
	for (i = 0; i < n_disturbers; i++)
		start_disturber(&disturbers[i], seed + i);
	for (n = i; n < i + clients; n++)
		if (start_client(seed + n, &kinds[n % n_kinds]) < 0) {
			perror("fork");
			break;
		}
	sleep(seconds);
	record->over = 1;
	stuck = wait_for(n, grace);
	if (stuck)
		record_fail("%u clients have not ended %u s after the last operation began", stuck,
			    grace);
	record_print();
	fflush(stdout);
	return record->n_failures ? 1 : 0;
}

// SPDX-License-Identifier: GPL-2.0
/* Signals, timers, users, scheduling, failing allocations, and the removal of the module. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "../../shared/array.h"
#include "execution.h"
#include "operations.h"
#include "results.h"

long do_interrupt(const struct operation *o)
{
	struct itimerval t = { .it_value.tv_usec = 1 + o->a * o->a * (o->b < 224 ? 1 : 8) };

	if (o->c >= 192)
		t.it_interval = t.it_value;
	return setitimer(ITIMER_REAL, &t, NULL);
}

long do_sleep(const struct operation *o)
{
	return usleep(o->a * o->a / 4);
}

long do_signal(const struct operation *o)
{
	static const int signals[] = { SIGUSR1, SIGSTOP, SIGCONT, SIGKILL };
	uint32_t n = __atomic_load_n(&results->n_processes, __ATOMIC_RELAXED);
	uint32_t i = o->b % MAX_PROCESSES;

	if (o->a < 128)
		return kill(getpid(), SIGUSR1);
	if (i >= n || results->processes[i] <= 1)
		return 0;
	return kill(results->processes[i], signals[o->a % 4]);
}

long do_become_user(const struct operation *o)
{
	/* The system call changes this thread alone; the C library would change all threads. */
	return syscall(SYS_setresuid, -1, o->a & 1 ? USER : 0, -1);
}

long do_session(const struct operation *o)
{
	return o->a & 1 ? setsid() : setpgid(0, 0);
}

long do_schedule(const struct operation *o)
{
	cpu_set_t set;
	int i;

	if (o->a & 1)
		return setpriority(PRIO_PROCESS, 0, o->b % 20);
	CPU_ZERO(&set);
	for (i = 0; i < 8; i++)
		if (o->b >> i & 1)
			CPU_SET(i, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

long do_remove_module(const struct operation *o)
{
	(void)o;
	return syscall(SYS_delete_module, "llamux", O_NONBLOCK);
}

/* Make one of the next eight allocations fail, on a kernel that has fail-nth. */
long do_fail_allocation(const struct operation *o)
{
	int fd = open("/proc/thread-self/fail-nth", O_WRONLY);
	char text[8];
	long done = write(fd, text, snprintf(text, sizeof(text), "%u", 1 + o->a % 8));

	close(fd);
	return done;
}

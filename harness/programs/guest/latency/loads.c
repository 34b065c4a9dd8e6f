// SPDX-License-Identifier: GPL-2.0
/* Loads: processes that run while the latency is measured. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../shared/array.h"
#include "../../shared/procfs.h"
#define DIE_STATUS 2
#include "../../shared/die.h"
#include "loads.h"

static uint64_t *bytes_read;	/* (MAX_PROCESSES,): bytes of answers, by process; shared */

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

/* Ask for long answers and read them. */
static void load_answers(int number)
{
	static const char options[] = "max_tokens 2000\ntemperature 1\ntemplate none\n";
	char data[4096];
	ssize_t got;
	int fd;

	setsid();
	if (open_and_write(OPTIONS, O_WRONLY, options) < 0)
		die(OPTIONS);
	fd = open(PROMPT, O_RDWR);
	if (fd < 0)
		die(PROMPT);
	for (;;) {
		snprintf(data, sizeof(data), "Tell story number %d.", number);
		if (write(fd, data, strlen(data)) < 0)
			die("write");
		while ((got = read(fd, data, sizeof(data))) > 0)
			__atomic_fetch_add(&bytes_read[number], got, __ATOMIC_RELAXED);
		if (got < 0)
			die("read");
	}
}

const struct load loads[] = {
	{ "quiet", load_nothing, false },
	{ "loops", load_loop, false },
	{ "answers", load_answers, true },
};

const size_t n_loads = ARRAY_SIZE(loads);

void loads_open(void)
{
	bytes_read = mmap(NULL, MAX_PROCESSES * sizeof(*bytes_read), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (bytes_read == MAP_FAILED)
		die("mmap");
}

uint64_t loads_bytes(void)
{
	uint64_t sum = 0;
	int k;

	for (k = 0; k < MAX_PROCESSES; k++)
		sum += __atomic_load_n(&bytes_read[k], __ATOMIC_RELAXED);
	return sum;
}

void loads_wait(int processes)
{
	int k;

	for (k = 0; k < processes; k++)
		while (!__atomic_load_n(&bytes_read[k], __ATOMIC_RELAXED))
			usleep(10000);
}

// SPDX-License-Identifier: GPL-2.0
/* Disturbances of the whole guest: memory is filled, and processors are switched off and on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../shared/array.h"
#include "chance.h"
#include "disturbers.h"
#include "record.h"

#define MARGIN_KIB (96u << 10)	/* left free, so that the kernel kills no process for memory */
#define PIECE (16u << 20)	/* bytes that are filled at once */

/* Write a text to a file; count the error if the kernel refuses it. */
static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Refused if the processor is busy, or is in that state already. */
	if (write(fd, text, strlen(text)) < 0)
		record_error(errno);
	close(fd);
}

/* Return the memory that programs can still have, in KiB. */
static uint64_t available_kib(void)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *file = fopen("/proc/meminfo", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib;
}

/* Fill up to @size bytes, keep them for a while, and free them. */
static void fill_once(size_t size)
{
	uint64_t left = UINT64_MAX;
	size_t i, filled;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	for (filled = 0; filled + PIECE <= size && !record->over; filled += PIECE) {
		left = available_kib();
		if (left < MARGIN_KIB + PIECE / 1024)
			break;
		for (i = 0; i < PIECE; i += 4096)
			p[filled + i] = 1;
	}
	if (!record->counts[COUNT_LEAST_FREE_KIB] || left < record->counts[COUNT_LEAST_FREE_KIB])
		record->counts[COUNT_LEAST_FREE_KIB] = left;
	pause_up_to(500000);
	munmap(p, size);
	record_add(COUNT_FILLS, 1);
}

static void fill_memory(void)
{
	write_file("/proc/self/oom_score_adj", "1000");
	while (!record->over) {
		fill_once((size_t)available_kib() * 1024);
		pause_up_to(500000);
	}
}

static void switch_processors(void)
{
	uint32_t i, n = sysconf(_SC_NPROCESSORS_CONF);
	char path[64];

	while (!record->over && n > 1) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online",
			 1 + random_below(n - 1));
		write_file(path, random_below(2) ? "1" : "0");
		record_add(COUNT_HOTPLUGS, 1);
		pause_up_to(600000);
	}
	/* Leave all of them on. */
	for (i = 1; i < n; i++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", i);
		write_file(path, "1");
	}
}

const struct disturber disturbers[] = {
	{ "memory", fill_memory },
	{ "processors", switch_processors },
};

const uint32_t n_disturbers = ARRAY_SIZE(disturbers);

// SPDX-License-Identifier: GPL-2.0
/*
 * Coverage of programs: blocks of the module's code and steps between them, which a kernel with
 * KCOV traces, and the errnos of system calls, which every kernel has.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/kcov.h>

#include "coverage.h"
#include "operations.h"
#include "results.h"

#define KCOV "/sys/kernel/debug/kcov"
#define MAX_TRACE (1u << 15)	/* words of each thread */
#define MAX_CODE (1u << 21)	/* bytes of the module's code */
#define N_EDGES (1u << 16)	/* hashes of steps, or details without KCOV */
#define N_RESULTS (MAX_KINDS * MAX_ERRNO)
#define N_BLOCKS MAX_CODE
#define RESULTS N_EDGES		/* index of the first result among all points */
#define BLOCKS (RESULTS + N_RESULTS)	/* index of the first block */
#define N_POINTS (BLOCKS + N_BLOCKS)

static struct {
	int fd;
	uint64_t *words;	/* (MAX_TRACE,): number of addresses, and the addresses */
} tracers[MAX_THREADS];

static bool tracing;
static uint64_t code;			/* address of the module's code */
static bool coarse;			/* steps are left out */
static uint8_t *seen;			/* (N_POINTS,): a program reached it before */
static uint32_t *stamps;		/* (N_POINTS,): latest program that reached it */
static uint32_t stamp;			/* number of the latest program */
static uint32_t *reached;		/* (N_POINTS,): by the latest program */
static uint32_t n_reached;
static uint32_t *wanted;		/* (N_POINTS,): by coverage_want() */
static uint32_t n_wanted;

/* Return the hexadecimal number in a file, or 0. */
static uint64_t read_address(const char *path)
{
	unsigned long long address = 0;
	FILE *file = fopen(path, "r");

	if (!file)
		return 0;
	if (fscanf(file, "%llx", &address) != 1)
		address = 0;
	fclose(file);
	return address;
}

/* Map shared memory: fork() does not copy its page tables. Exit with 2 if it fails. */
static void *map(size_t size, int flags, int fd)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | flags, fd, 0);

	if (memory == MAP_FAILED) {
		perror("coverage");
		exit(2);
	}
	return memory;
}

bool coverage_open(void)
{
	uint32_t t;

	seen = map(N_POINTS, MAP_ANONYMOUS, -1);
	stamps = map(N_POINTS * sizeof(*stamps), MAP_ANONYMOUS, -1);
	reached = map(N_POINTS * sizeof(*reached), MAP_ANONYMOUS, -1);
	wanted = map(N_POINTS * sizeof(*wanted), MAP_ANONYMOUS, -1);
	code = read_address("/sys/module/llamux/sections/.text");
	for (t = 0; t < MAX_THREADS; t++) {
		tracers[t].fd = open(KCOV, O_RDWR | O_CLOEXEC);
		if (tracers[t].fd < 0 || ioctl(tracers[t].fd, KCOV_INIT_TRACE, MAX_TRACE))
			return false;
		tracers[t].words = map(MAX_TRACE * sizeof(uint64_t), 0, tracers[t].fd);
	}
	tracing = code;
	return tracing;
}

void coverage_begin(uint32_t t)
{
	if (tracing && ioctl(tracers[t].fd, KCOV_ENABLE, KCOV_TRACE_PC))
		_exit(3);
}

void coverage_end(uint32_t t)
{
	if (tracing)
		ioctl(tracers[t].fd, KCOV_DISABLE, 0);
}

void coverage_clear(void)
{
	uint32_t t;

	for (t = 0; tracing && t < MAX_THREADS; t++)
		__atomic_store_n(&tracers[t].words[0], 0, __ATOMIC_RELAXED);
	memset(results->errnos, 0, sizeof(results->errnos));
	memset(results->details, 0, sizeof(results->details));
}

/* Note a point of the latest program. */
static void reach(uint32_t point)
{
	if (stamps[point] == stamp)
		return;
	stamps[point] = stamp;
	reached[n_reached++] = point;
}

/* Note the points of a trace. */
static void take_trace(const uint64_t *words)
{
	uint64_t i, n = __atomic_load_n(&words[0], __ATOMIC_RELAXED);
	uint64_t last = 0, at;

	for (i = 1; i <= n && i < MAX_TRACE; i++) {
		at = words[i] - code;
		if (at >= MAX_CODE)
			continue;
		reach(BLOCKS + at);
		if (!coarse)
			reach((last * 0x9e3779b1u ^ at * 0x85ebca6bu) >> 7 & (N_EDGES - 1));
		last = at;
	}
}

uint32_t coverage_take(void)
{
	const uint8_t *errnos = &results->errnos[0][0];
	uint32_t i;

	stamp++;
	n_reached = 0;
	for (i = 0; tracing && i < MAX_THREADS; i++)
		take_trace(tracers[i].words);
	for (i = 0; i < N_RESULTS; i++)
		if (errnos[i])
			reach(RESULTS + i);
	for (i = 0; !tracing && i < N_DETAILS; i++)
		if (results->details[i])
			reach(i);
	return coverage_fresh(reached, n_reached);
}

void coverage_accept(void)
{
	coverage_add(reached, n_reached);
}

void coverage_want(void)
{
	uint32_t i;

	n_wanted = 0;
	for (i = 0; i < n_reached; i++)
		if (!seen[reached[i]])
			wanted[n_wanted++] = reached[i];
}

bool coverage_has_wanted(void)
{
	uint32_t i;

	for (i = 0; i < n_wanted; i++)
		if (stamps[wanted[i]] != stamp)
			return false;
	return true;
}

void coverage_coarse(void)
{
	coarse = true;
}

uint32_t *coverage_copy(uint32_t *n)
{
	uint32_t *points = malloc((n_reached + 1) * sizeof(*points));

	if (!points) {
		perror("coverage");
		exit(2);
	}
	memcpy(points, reached, n_reached * sizeof(*points));
	*n = n_reached;
	return points;
}

uint32_t coverage_fresh(const uint32_t *points, uint32_t n)
{
	uint32_t i, fresh = 0;

	for (i = 0; i < n; i++)
		fresh += !seen[points[i]];
	return fresh;
}

void coverage_add(const uint32_t *points, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		seen[points[i]] = 1;
}

/* Return the number of reached points among @n ones. */
static uint32_t count(uint32_t first, uint32_t n)
{
	uint32_t i, sum = 0;

	for (i = first; i < first + n; i++)
		sum += seen[i];
	return sum;
}

uint32_t coverage_blocks(void)
{
	return count(BLOCKS, N_BLOCKS);
}

uint32_t coverage_edges(void)
{
	return count(0, N_EDGES);
}

static void print_results(uint32_t kind)
{
	uint32_t i;

	for (i = 0; i < MAX_ERRNO; i++)
		if (seen[RESULTS + kind * MAX_ERRNO + i])
			printf("result %s: %s\n", operation_name(kind),
			       i ? strerrorname_np(i) : "0");
}

void coverage_print(void)
{
	uint32_t i;

	for (i = 0; i < N_BLOCKS; i++)
		if (seen[BLOCKS + i])
			printf("block %x\n", i);
	for (i = 0; i < n_operation_kinds; i++)
		print_results(i);
}

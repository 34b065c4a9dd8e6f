// SPDX-License-Identifier: GPL-2.0
/* Results, in memory that all processes share. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kinds.h"
#include "record.h"

static const char *const count_names[N_COUNTS] = {
	[COUNT_COMPARED] = "compared",
	[COUNT_BYTES] = "bytes",
	[COUNT_KILLS] = "kills",
	[COUNT_INTERRUPTIONS] = "interruptions",
	[COUNT_POSTPONED] = "postponed",
	[COUNT_MOVES] = "moves",
	[COUNT_HOTPLUGS] = "hotplugs",
	[COUNT_FILLS] = "fills",
	[COUNT_LEAST_FREE_KIB] = "least_free_kib",
};

struct record *record;

void record_open(void)
{
	record = mmap(NULL, sizeof(*record), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (record == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
}

void record_add(enum count which, uint64_t n)
{
	__atomic_fetch_add(&record->counts[which], n, __ATOMIC_RELAXED);
}

void record_error(int errnum)
{
	if (errnum < MAX_ERRNO)
		__atomic_fetch_add(&record->errors[errnum], 1, __ATOMIC_RELAXED);
}

void record_fail(const char *format, ...)
{
	uint32_t i = __atomic_fetch_add(&record->n_failures, 1, __ATOMIC_RELAXED);
	va_list args;
	char *at;

	if (i >= MAX_FAILURES)
		return;
	va_start(args, format);
	vsnprintf(record->failures[i], FAILURE_LENGTH, format, args);
	va_end(args);
	/* Each failure is one line of the report. */
	for (at = record->failures[i]; *at; at++)
		if (*at == '\n')
			*at = ' ';
}

void record_print(void)
{
	uint32_t i;

	for (i = 0; i < n_kinds; i++)
		printf("operation %s %llu\n", kinds[i].name,
		       (unsigned long long)record->operations[i]);
	for (i = 0; i < N_COUNTS; i++)
		printf("count %s %llu\n", count_names[i], (unsigned long long)record->counts[i]);
	for (i = 0; i < MAX_ERRNO; i++)
		if (record->errors[i])
			printf("error %s %llu\n", strerrorname_np(i),
			       (unsigned long long)record->errors[i]);
	printf("count failures %u\n", record->n_failures);
	for (i = 0; i < record->n_failures && i < MAX_FAILURES; i++)
		printf("failure %s\n", record->failures[i]);
}

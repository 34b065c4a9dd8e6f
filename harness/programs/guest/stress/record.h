/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RECORD_H
#define RECORD_H

#include <stdint.h>

#include "kinds.h"

#define MAX_ERRNO 134
#define MAX_FAILURES 16
#define FAILURE_LENGTH 320

enum count {
	COUNT_COMPARED,		/* answers that were compared to their last byte */
	COUNT_BYTES,		/* bytes of answers that were compared */
	COUNT_KILLS,		/* signals sent to readers */
	COUNT_INTERRUPTIONS,	/* reads that a signal ended and that went on */
	COUNT_POSTPONED,	/* operations for which there was no room or memory */
	COUNT_MOVES,		/* changes of priority or processors */
	COUNT_HOTPLUGS,		/* processors that were switched on or off */
	COUNT_FILLS,		/* times that memory was filled */
	COUNT_LEAST_FREE_KIB,	/* least memory that was left, in KiB */
	N_COUNTS,
};

/**
 * struct record - Results, in memory that all processes share.
 * @counts:     By enum count.
 * @operations: Completed operations, by kind.
 * @errors:     Failed calls, by errno.
 * @n_failures: Failures, those without a text among them.
 * @failures:   Texts of the first failures, a line each.
 * @over:       Nothing new may begin.
 */
struct record {
	uint64_t counts[N_COUNTS];
	uint64_t operations[MAX_KINDS];
	uint64_t errors[MAX_ERRNO];
	uint32_t n_failures;
	char failures[MAX_FAILURES][FAILURE_LENGTH];
	uint32_t over;
};

extern struct record *record;

/* Make the record; exit with 2 if there is no memory. */
void record_open(void);

/* Add @n to a count. */
void record_add(enum count which, uint64_t n);

/* Count a call that failed with @errnum. */
void record_error(int errnum);

/* Record that the module did something wrong. */
__attribute__((format(printf, 1, 2))) void record_fail(const char *format, ...);

/* Print lines "operation KIND N", "count WHAT N", "error ERRNO N" and "failure TEXT". */
void record_print(void);

#endif

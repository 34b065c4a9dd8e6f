/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TRACER_H
#define TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_SECONDS 3600

/**
 * struct held - Times for which a processor could not be preempted.
 * @us:   Longest time of each second, in microseconds.
 * @n:    Number of seconds.
 * @max:  Longest time of all, in microseconds.
 * @from: Function in which it began.
 * @to:   Function in which it ended.
 */
struct held {
	uint32_t us[MAX_SECONDS];
	size_t n;
	uint32_t max;
	char from[64];
	char to[64];
};

/* Return: whether the tracer is on. */
bool tracer_is_on(void);

/* Forget the longest time. */
void tracer_reset(void);

/* Add the longest time since tracer_reset() as one second. */
void tracer_take(struct held *h);

#endif

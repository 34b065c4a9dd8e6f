// SPDX-License-Identifier: GPL-2.0
/* The tracer preemptirqsoff, which measures for how long processors are held. */
#include <stdio.h>
#include <string.h>

#define DIE_STATUS 2
#include "../../shared/die.h"
#include "tracer.h"

#define TRACING "/sys/kernel/tracing/"

bool tracer_is_on(void)
{
	char name[32] = "";
	FILE *f = fopen(TRACING "current_tracer", "r");

	if (!f)
		return false;
	if (fscanf(f, "%31s", name) != 1)
		name[0] = 0;
	fclose(f);
	return !strcmp(name, "preemptirqsoff");
}

void tracer_reset(void)
{
	FILE *f = fopen(TRACING "tracing_max_latency", "w");

	if (!f || fputs("0", f) < 0 || fclose(f))
		die("tracing_max_latency");
}

void tracer_take(struct held *h)
{
	FILE *f = fopen(TRACING "tracing_max_latency", "r");
	uint32_t us;
	char line[256];

	if (!f || fscanf(f, "%u", &us) != 1)
		die("tracing_max_latency");
	fclose(f);
	h->us[h->n++] = us;
	if (us <= h->max)
		return;
	h->max = us;
	f = fopen(TRACING "trace", "r");
	if (!f)
		die("trace");
	while (fgets(line, sizeof(line), f) && line[0] == '#') {
		sscanf(line, "# => started at: %63s", h->from);
		sscanf(line, "# => ended at: %63s", h->to);
	}
	fclose(f);
}

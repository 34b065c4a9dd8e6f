// SPDX-License-Identifier: GPL-2.0
/* Random numbers of a process, and pauses of random length. */
#define _GNU_SOURCE
#include <time.h>

#include "../../shared/random.h"
#include "chance.h"

static uint64_t random_state;

void random_seed(uint64_t seed)
{
	random_state = seed * 0x9e3779b97f4a7c15 + 1;
}

uint32_t random_below(uint32_t n)
{
	return (random_upper(&random_state) >> 32) % n;
}

void pause_up_to(uint32_t us)
{
	uint64_t ns = (uint64_t)us * 1000 >> random_below(10);
	struct timespec t;

	ns = ns * (1 + random_below(1000)) / 1000;
	t.tv_sec = ns / 1000000000;
	t.tv_nsec = ns % 1000000000;
	nanosleep(&t, NULL);
}

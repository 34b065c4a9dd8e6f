// SPDX-License-Identifier: GPL-2.0
/*
 * Stress of teams of workers, for a thread sanitizer: several threads open teams and run loops.
 *
 *	team_stress <<<SECONDS
 *
 * Output: the number of loops and of rounds. Exit codes: 0, 2 if the program could not run, or
 * SIGABRT if a round did not run exactly once.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "threads.h"

#define N_CALLERS 3
#define MAX_ROUNDS 300

struct caller {
	pthread_t thread;
	time_t end;
	u32 random;
	u64 loops, rounds;
};

/**
 * struct board - Memory that rounds write without locks; the team must keep them apart.
 * @count:       Number of times that each round ran.
 * @scratch:     Number of rounds of each worker.
 * @yields_left: Yields until the loop is stopped.
 */
struct board {
	u32 count[MAX_ROUNDS];
	u32 scratch[LLAMA_MAX_WORKERS];
	u32 yields_left;
};

static u32 next_random(struct caller *c)
{
	c->random = c->random * 1664525 + 1013904223;
	return c->random >> 8;
}

/* Run a round. */
static void play(void *arg, u32 i, u32 worker)
{
	struct board *b = arg;
	u32 before = b->scratch[worker]++;
	u32 k;

	for (k = 0; READ_ONCE(k) < i % 7 * 50; k++)
		;
	b->count[i]++;
	if (b->scratch[worker] != before + 1)
		abort();
}

/* Stop a loop when no yields are left. */
static int stop(void *arg)
{
	struct board *b = arg;

	return --b->yields_left ? 0 : -EINTR;
}

/* Run a loop. The board is on the stack: a worker that is late writes over the next board. */
static void run_once(struct caller *c, struct llama_team *team)
{
	struct board b = { .yields_left = next_random(c) % 8 ? U32_MAX : 1 + next_random(c) % 9 };
	struct llama_loop loop = { .fn = play, .arg = &b, .n = next_random(c) % MAX_ROUNDS };
	struct llama_yield yield = { .fn = stop, .arg = &b };
	int err;
	u32 i, n = 0;

	if (next_random(c) % 2)
		loop.n %= 12;
	err = llama_team_run(team, &loop, &yield);
	for (i = 0; i < MAX_ROUNDS; i++) {
		if (b.count[i] > 1 || (b.count[i] != (i < loop.n) && !err))
			abort();
		n += b.count[i];
	}
	c->rounds += n;
	c->loops++;
}

/* Open teams and run loops until the end. */
static void *call(void *arg)
{
	struct caller *c = arg;
	struct llama_team *team;
	u32 i, n;

	while (time(NULL) < c->end) {
		team = llamuxu_team_open(1 + next_random(c) % 6);
		if (!team)
			abort();
		n = 1 + next_random(c) % 200;
		for (i = 0; i < n; i++) {
			run_once(c, team);
			if (!(next_random(c) % 50))
				usleep(next_random(c) % 300);
		}
		llamuxu_team_close(team);
	}
	return NULL;
}

int main(void)
{
	struct caller callers[N_CALLERS] = { 0 };
	u64 loops = 0, rounds = 0;
	u32 i, seconds;

	if (scanf("%u", &seconds) != 1)
		return 2;
	for (i = 0; i < N_CALLERS; i++) {
		callers[i].random = i + 1;
		callers[i].end = time(NULL) + seconds;
		if (pthread_create(&callers[i].thread, NULL, call, &callers[i]))
			return 2;
	}
	for (i = 0; i < N_CALLERS; i++) {
		pthread_join(callers[i].thread, NULL);
		loops += callers[i].loops;
		rounds += callers[i].rounds;
	}
	printf("%llu %llu\n", (unsigned long long)loops, (unsigned long long)rounds);
	return 0;
}

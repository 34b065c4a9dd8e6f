/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Workers that share a pass
 *
 * The forward pass is a row of loops whose rounds do not depend on each
 * other. A team runs such a loop on several processors. Which worker gets
 * which round never shows in the result.
 */
#ifndef LLAMA_TEAM_H
#define LLAMA_TEAM_H

#include "port.h"

#define LLAMA_MAX_WORKERS 64

/**
 * struct llama_loop - A loop of independent rounds.
 * @fn:  Runs round @i; @worker, below the team's n_workers, says whose scratch memory to use.
 *   Bounded work, no sleeping.
 * @arg: Handed to @fn.
 * @n:   Rounds.
 */
struct llama_loop {
	void (*fn)(void *arg, u32 i, u32 worker);
	void *arg;
	u32 n;
};

/**
 * struct llama_team - The caller, worker 0, and its helpers.
 * @n_workers: 1 to LLAMA_MAX_WORKERS.
 * @run: Runs every round of a loop exactly once, and returns when all are done. The caller
 *   takes part and calls @yield between its rounds. Where the hook stops the work, rounds
 *   not yet begun are left out, those under way are waited for, and its value is returned.
 */
struct llama_team {
	u32 n_workers;
	int (*run)(struct llama_team *team, const struct llama_loop *loop,
		   const struct llama_yield *yield);
};

/** llama_team_run() - Run @loop on @team, or by the caller alone where that is NULL. */
int llama_team_run(struct llama_team *team, const struct llama_loop *loop,
		   const struct llama_yield *yield);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Teams of workers
 *
 * The forward pass is a sequence of loops whose rounds do not depend on each
 * other. A team executes such a loop on several processors. The result does not
 * depend on which worker executes which round.
 */
#ifndef LLAMA_TEAM_H
#define LLAMA_TEAM_H

#include "base/port.h"

#define LLAMA_MAX_WORKERS 64

/**
 * struct llama_loop - A loop of independent rounds.
 * @fn:  Executes round @i with the scratch memory of worker @worker, below n_workers. Its work
 *   is bounded; it does not sleep.
 * @arg: Handed to @fn.
 * @n:   Number of rounds.
 */
struct llama_loop {
	void (*fn)(void *arg, u32 i, u32 worker);
	void *arg;
	u32 n;
};

/**
 * struct llama_team - The caller, worker 0, and its helpers.
 * @n_workers: 1 to LLAMA_MAX_WORKERS.
 * @run: Executes every round of a loop once, and returns when all are finished. The caller
 *   executes rounds too and calls @yield between them. If the hook stops the work, @run
 *   begins no further round, waits for those in progress, and returns the hook's value.
 */
struct llama_team {
	u32 n_workers;
	int (*run)(struct llama_team *team, const struct llama_loop *loop,
		   const struct llama_yield *yield);
};

/** llama_team_run() - Execute @loop on @team, or by the caller alone if @team is NULL. */
int llama_team_run(struct llama_team *team, const struct llama_loop *loop,
		   const struct llama_yield *yield);

/**
 * struct llama_rounds - Rounds of a team's current loop.
 * @state:     Number of the loop in the upper half, number of rounds not yet taken in the lower.
 * @loop:      The loop; changes only while no rounds are left in @state.
 * @n_workers: Number of workers that may take rounds, the caller included.
 * @share:     Number of rounds by which a helper may be ahead of the caller.
 * @own:       Number of rounds that the caller has taken.
 * @awaited:   Number of rounds that helpers have taken, once none are left. The caller's own.
 * @helped:    Number of rounds that helpers have finished.
 *
 * Initialised with zeros. A worker reads @state, then the loop, then takes a round by
 * exchanging @state for one less. The exchange fails if another loop has begun. The caller
 * therefore waits only for helpers that have taken a round.
 */
struct llama_rounds {
	atomic64_t state;
	struct llama_loop loop;
	u32 n_workers;
	u32 share;
	u32 own;
	u32 awaited;
	atomic64_t __aligned(64) helped;	/* in a cache line of its own */
};

/**
 * struct llama_helper - Progress of a helper, private to it.
 * @worker: Number of the worker, from 1.
 * @serial: Number of the loop of which it took rounds.
 * @taken:  Number of rounds that it took.
 */
struct llama_helper {
	u32 worker;
	u32 serial;
	u32 taken;
};

/**
 * llama_rounds_open() - Publish a loop for @n_workers, the caller included.
 * @r:         Rounds; the previous loop is finished.
 * @loop:      Loop; copied.
 * @n_workers: 1 to LLAMA_MAX_WORKERS.
 *
 * The caller must then call llama_rounds_work() and wait until llama_rounds_done().
 */
void llama_rounds_open(struct llama_rounds *r, const struct llama_loop *loop, u32 n_workers);

/**
 * llama_rounds_work() - Execute rounds as the caller until none are left.
 * @r:     Rounds of an open loop.
 * @yield: Called between rounds; may be NULL.
 * Return: 0, or the value of the hook that stopped the work.
 */
int llama_rounds_work(struct llama_rounds *r, const struct llama_yield *yield);

/** llama_rounds_done() - Tell the caller whether helpers have finished all rounds they took. */
bool llama_rounds_done(const struct llama_rounds *r);

/**
 * llama_rounds_wanted() - Tell whether there is a round for a helper.
 * @r: Rounds, in a loop or between two.
 * @h: Progress of the helper.
 *
 * A helper that is r->share rounds ahead of the caller gets none. If the caller is
 * kept from running, its helpers stop too.
 *
 * Return: whether llama_rounds_help() would find a round.
 */
bool llama_rounds_wanted(const struct llama_rounds *r, struct llama_helper *h);

/**
 * llama_rounds_help() - Execute a round as a helper.
 * @r: Rounds, in a loop or between two.
 * @h: Progress of the helper.
 *
 * Return: whether there was a round; it is finished before a full barrier.
 */
bool llama_rounds_help(struct llama_rounds *r, struct llama_helper *h);

#endif

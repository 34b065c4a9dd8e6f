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

#include "base/port.h"

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

/**
 * struct llama_rounds - The loop that a team is at, from which its workers take rounds.
 * @state:     Number of the loop in the upper half, rounds that nobody has taken in the lower.
 * @loop:      Changes only while no rounds are left in @state.
 * @n_workers: Who may take rounds, the caller included.
 * @share:     Rounds by which a helper may be ahead of the caller.
 * @own:       Rounds that the caller has taken.
 * @awaited:   Rounds that helpers took, known once none are left; the caller's.
 * @helped:    Rounds that helpers have finished.
 *
 * Initialised with zeros. A worker reads @state, then the loop, then takes a round by
 * exchanging @state for one less: this fails if the loop is not the one that it has read. So
 * nobody waits for a helper that has not taken a round, however long it is held up.
 */
struct llama_rounds {
	atomic64_t state;
	struct llama_loop loop;
	u32 n_workers;
	u32 share;
	u32 own;
	u32 awaited;
	atomic64_t __aligned(64) helped;	/* apart from what the others look at */
};

/**
 * struct llama_helper - A worker's place in the rounds; its own, touched by nobody else.
 * @worker: From 1.
 * @serial: Number of the loop that it took rounds of.
 * @taken:  How many.
 */
struct llama_helper {
	u32 worker;
	u32 serial;
	u32 taken;
};

/**
 * llama_rounds_open() - The caller lays out a loop for @n_workers, itself included.
 * @r:         Done with its previous loop.
 * @loop:      Copied.
 * @n_workers: 1 to LLAMA_MAX_WORKERS.
 *
 * llama_rounds_work() and then waiting until llama_rounds_done() must follow.
 */
void llama_rounds_open(struct llama_rounds *r, const struct llama_loop *loop, u32 n_workers);

/**
 * llama_rounds_work() - The caller's part: run rounds until none are left.
 * @r:     Open.
 * @yield: Called between rounds; may be NULL.
 * Return: 0, or the value of the hook that stopped the work.
 */
int llama_rounds_work(struct llama_rounds *r, const struct llama_yield *yield);

/** llama_rounds_done() - Whether the helpers have finished what they took; for the caller. */
bool llama_rounds_done(const struct llama_rounds *r);

/**
 * llama_rounds_wanted() - Whether there is a round for a helper.
 * @r: At a loop or between two.
 * @h: The caller's own.
 *
 * There is none for one that is r->share rounds ahead of the caller: where the
 * caller is kept from running, its helpers stop too.
 *
 * Return: whether llama_rounds_help() would find one.
 */
bool llama_rounds_wanted(const struct llama_rounds *r, struct llama_helper *h);

/**
 * llama_rounds_help() - A helper's part: run one round.
 * @r: At a loop or between two.
 * @h: The caller's own.
 * Return: whether there was one; then it was finished before a full barrier.
 */
bool llama_rounds_help(struct llama_rounds *r, struct llama_helper *h);

#endif

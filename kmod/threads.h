/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Worker threads
 *
 * The helpers of whoever computes. Somebody who computes takes them for a
 * step (a token, or a batch of the prompt), if nobody else has them, and
 * computes alone otherwise. A helper does nothing that a caller did not lay
 * out, never gets ahead of its caller by more than an equal share of one
 * loop, and has the caller's nice value and allowed processors meanwhile.
 * Without work it looks for some for 50 microseconds, then sleeps.
 *
 * The pool's lock is held from get to put, inside the lock of a conversation
 * or an evaluation. It is only ever tried, so nobody waits for it.
 */
#ifndef LLAMUX_THREADS_H
#define LLAMUX_THREADS_H

#include <linux/cpumask.h>
#include <linux/sched.h>

#include "llama_core.h"

/**
 * llamux_threads_start() - Start the helpers.
 * @threads: Workers, the caller included, at most LLAMA_MAX_WORKERS; 0 for as many as there are
 *   processors online. There are never more than there can be processors.
 * Return: 0 or what kthread_create() returned.
 */
int llamux_threads_start(u32 threads);

/** llamux_threads_stop() - End them. Nobody computes any more. */
void llamux_threads_stop(void);

/**
 * llamux_lend() - What the caller may do, a kernel thread may.
 * @helper:  Gets the caller's nice value.
 * @allowed: And these processors; not while one goes or comes, but the next time.
 */
void llamux_lend(struct task_struct *helper, const struct cpumask *allowed);

/** llamux_threads_max() - The most workers that a team can have. */
u32 llamux_threads_max(void);

/**
 * llamux_team_get() - Begin to compute.
 *
 * Context: Process context. llamux_team_put() must follow in the same task.
 * Return: the helpers with the caller, or NULL where it is to compute alone.
 */
struct llama_team *llamux_team_get(void);

/** llamux_team_put() - Computed. @team is what llamux_team_get() returned. */
void llamux_team_put(struct llama_team *team);

#endif

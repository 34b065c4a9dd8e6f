/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Worker threads
 *
 * Worker threads make a step (a token, or a batch of the prompt) faster by computing parts of it
 * on other processors. They are the helpers of the task that computes: it acquires all of them for
 * a step, or computes alone while another task has them.
 *
 * A helper does only what its caller has laid out, is never ahead of the caller by more than an
 * equal share of a loop, and has the caller's nice value and processors meanwhile. Without work
 * it looks for some for 50 microseconds, then sleeps.
 *
 * The pool's lock is held from acquire to release, inside the lock of a computation or an
 * evaluation. It is only tried, so that no task waits for it.
 */
#ifndef LLAMUX_THREADS_H
#define LLAMUX_THREADS_H

#include <linux/cpumask.h>
#include <linux/sched.h>

#include "llama_core.h"

/**
 * llamux_threads_start() - Start the helpers.
 * @threads: Workers with the caller, at most LLAMA_MAX_WORKERS; 0 for the number of processors
 *           online. There are never more than the machine can have processors.
 * Return: 0 or as kthread_create().
 */
int llamux_threads_start(u32 threads);

/** llamux_threads_stop() - End the helpers. No task computes any more. */
void llamux_threads_stop(void);

/** llamux_threads_max() - Return: workers of a team at the most, the caller included. */
u32 llamux_threads_max(void);

/**
 * llamux_threads_inherit() - Let a kernel thread do no more than the calling task may do.
 * @thread:  Thread that gets the caller's nice value.
 * @allowed: Processors that it may run on from now on; while the kernel is adding or removing a
 *           processor, they stay as they are until the next call.
 */
void llamux_threads_inherit(struct task_struct *thread, const struct cpumask *allowed);

/**
 * llamux_threads_acquire() - Begin to compute.
 *
 * Context: Process context. llamux_threads_release() must follow in the same task.
 * Return: a team of the caller and helpers, or NULL if the caller has to compute alone.
 */
struct llama_team *llamux_threads_acquire(void);

/** llamux_threads_release() - End computing. @team is what llamux_threads_acquire() returned. */
void llamux_threads_release(struct llama_team *team);

#endif

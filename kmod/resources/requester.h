/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Requesters
 *
 * A requester is all that the module has to know about the task behind a request: the user
 * whose quotas count, the terminal session whose conversations it shares, and the memory
 * cgroup that is charged. It is filled where a request enters the module (procfs/, api.c) and
 * passed down. Nothing below reads these from the running task, so that a thread can work for
 * a task that has returned.
 */
#ifndef LLAMUX_REQUESTER_H
#define LLAMUX_REQUESTER_H

#include <linux/types.h>
#include <linux/uidgid.h>

struct mem_cgroup;
struct pid;

/**
 * struct llamux_requester - Origin of a request.
 * @uid:     User.
 * @session: Terminal session, compared as a kernel object; a reference.
 * @memcg:   Memory cgroup, NULL in a kernel without them; a reference.
 */
struct llamux_requester {
	kuid_t uid;
	struct pid *session;
	struct mem_cgroup *memcg;
};

/** llamux_requester_current() - Describe the calling task. llamux_requester_put() must follow. */
void llamux_requester_current(struct llamux_requester *who);

/** llamux_requester_copy() - Copy @from to @to with references of its own. */
void llamux_requester_copy(struct llamux_requester *to, const struct llamux_requester *from);

/** llamux_requester_put() - Drop the references. */
void llamux_requester_put(struct llamux_requester *who);

/** llamux_requester_equal() - Compare users and sessions. Return: whether both are the same. */
bool llamux_requester_equal(const struct llamux_requester *a, const struct llamux_requester *b);

/** llamux_requester_is_gone() - Return: whether no task is left in the session. */
bool llamux_requester_is_gone(const struct llamux_requester *who);

/**
 * llamux_requester_yield() - Let other tasks run: a hook for work that the caller waits for.
 * @unused: Ignored.
 * Return: 0, or -ERESTARTSYS if the caller has a signal.
 */
int llamux_requester_yield(void *unused);

#endif

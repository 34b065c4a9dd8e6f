// SPDX-License-Identifier: GPL-2.0
#include <linux/cred.h>
#include <linux/memcontrol.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "requester.h"

void llamux_requester_current(struct llamux_requester *who)
{
	who->uid = current_uid();
	who->session = get_task_pid(current, PIDTYPE_SID);
	who->memcg = get_mem_cgroup_from_mm(current->mm);
}

void llamux_requester_copy(struct llamux_requester *to, const struct llamux_requester *from)
{
	*to = *from;
	get_pid(to->session);
#ifdef CONFIG_MEMCG
	if (to->memcg)
		css_get(&to->memcg->css);
#endif
}

void llamux_requester_put(struct llamux_requester *who)
{
	put_pid(who->session);
	mem_cgroup_put(who->memcg);
}

bool llamux_requester_equal(const struct llamux_requester *a, const struct llamux_requester *b)
{
	return a->session && a->session == b->session && uid_eq(a->uid, b->uid);
}

bool llamux_requester_is_gone(const struct llamux_requester *who)
{
	bool gone;

	rcu_read_lock();
	gone = !pid_task(who->session, PIDTYPE_SID);
	rcu_read_unlock();
	return gone;
}

int llamux_requester_yield(void *unused)
{
	cond_resched();
	return signal_pending(current) ? -ERESTARTSYS : 0;
}

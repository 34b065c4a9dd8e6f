// SPDX-License-Identifier: GPL-2.0
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "sessions.h"

#define REAP_INTERVAL (30 * HZ)		/* between looks for sessions that are gone */

static struct {
	struct llamux_limits limits;
	struct mutex lock;		/* guards the list, and who has what in it open */
	struct list_head conversations;
	u32 n, peak;
} engine = {
	.lock = __MUTEX_INITIALIZER(engine.lock),
	.conversations = LIST_HEAD_INIT(engine.conversations),
};

static void reap(struct work_struct *work);
static DECLARE_DELAYED_WORK(reaper, reap);

const struct llamux_limits *llamux_engine_limits(void)
{
	return &engine.limits;
}

/* Table lock held; nobody has it open. */
static void destroy(struct llamux_conversation *c)
{
	struct llamux_user *user = c->user;

	list_del(&c->node);
	engine.n--;
	put_pid(c->session);
	llamux_conversation_free(c);
	llamux_user_return(user, LLAMUX_CONVERSATIONS, 1);
	llamux_user_put(user);
}

static bool is_stale(const struct llamux_conversation *c)
{
	bool gone;

	rcu_read_lock();
	gone = !pid_task(c->session, PIDTYPE_SID);
	rcu_read_unlock();
	return gone;
}

/* Table lock held. Free shared conversations whose session is gone. */
static void reap_stale(void)
{
	struct llamux_conversation *c, *next;

	list_for_each_entry_safe(c, next, &engine.conversations, node)
		if (c->session && !c->files && is_stale(c))
			destroy(c);
}

static void reap(struct work_struct *work)
{
	mutex_lock(&engine.lock);
	reap_stale();
	if (!list_empty(&engine.conversations))
		schedule_delayed_work(&reaper, REAP_INTERVAL);
	mutex_unlock(&engine.lock);
}

/*
 * Table lock held. Free the shared conversation that was idle the longest: of @user
 * alone, unless that is NULL.
 */
static bool evict(const struct llamux_user *user)
{
	struct llamux_conversation *c, *oldest = NULL;

	list_for_each_entry(c, &engine.conversations, node)
		if (c->session && !c->files && (!user || c->user == user) &&
		    (!oldest || time_before(c->used, oldest->used)))
			oldest = c;
	if (oldest)
		destroy(oldest);
	return oldest;
}

/* Table lock held. Whether there is room for one more, perhaps in place of an idle one. */
static bool make_room(struct llamux_user *user)
{
	if (!llamux_user_take(user, LLAMUX_CONVERSATIONS, 1) &&
	    !(evict(user) && llamux_user_take(user, LLAMUX_CONVERSATIONS, 1)))
		return false;
	if (engine.n < engine.limits.max_conversations || evict(NULL))
		return true;
	llamux_user_return(user, LLAMUX_CONVERSATIONS, 1);
	return false;
}

/* Table lock held. */
static struct llamux_conversation *find(enum llamux_kind kind, const struct pid *session,
					kuid_t uid)
{
	struct llamux_conversation *c;

	list_for_each_entry(c, &engine.conversations, node)
		if (c->kind == kind && c->session && c->session == session &&
		    uid_eq(llamux_user_uid(c->user), uid))
			return c;
	return NULL;
}

/* Table lock held. The caller's. */
static struct llamux_conversation *find_shared(enum llamux_kind kind)
{
	struct pid *session;

	rcu_read_lock();
	session = task_session(current);
	rcu_read_unlock();
	return find(kind, session, current_uid());
}

/* Table lock held. With the options of the caller's shared conversation, where there is one. */
static struct llamux_conversation *create(enum llamux_kind kind, bool private,
					  struct llamux_user *user)
{
	struct llamux_conversation *shared = find_shared(LLAMUX_PROMPT);
	struct llamux_conversation *c = llamux_conversation_new(kind, user);

	if (!c)
		return ERR_PTR(-ENOMEM);
	if (shared)
		llamux_options_get(shared, &c->options);
	reap_stale();
	if (!make_room(user)) {
		llamux_conversation_free(c);
		return ERR_PTR(-EUSERS);
	}
	if (!private) {
		rcu_read_lock();
		c->session = get_pid(task_session(current));
		rcu_read_unlock();
	}
	list_add(&c->node, &engine.conversations);
	engine.n++;
	engine.peak = max(engine.peak, engine.n);
	schedule_delayed_work(&reaper, REAP_INTERVAL);
	return c;
}

/* Table lock held. */
static struct llamux_conversation *create_own(enum llamux_kind kind, bool private)
{
	struct llamux_user *user = llamux_user_get(current_uid());
	struct llamux_conversation *c;

	if (!user)
		return ERR_PTR(-ENOMEM);
	c = create(kind, private, user);
	if (IS_ERR(c))
		llamux_user_put(user);
	return c;
}

/* Table lock held. */
static struct llamux_conversation *open_it(struct llamux_conversation *c)
{
	c->files++;
	c->used = jiffies;
	return c;
}

struct llamux_conversation *llamux_conversation_open(enum llamux_kind kind, bool private)
{
	struct llamux_conversation *c;

	mutex_lock(&engine.lock);
	c = private ? NULL : find_shared(kind);
	if (!c)
		c = create_own(kind, private);
	if (!IS_ERR(c))
		open_it(c);
	mutex_unlock(&engine.lock);
	return c;
}

struct llamux_conversation *llamux_conversation_sibling(const struct llamux_conversation *c,
							enum llamux_kind kind)
{
	struct llamux_conversation *sibling;

	if (!c->session)
		return NULL;
	mutex_lock(&engine.lock);
	sibling = find(kind, c->session, llamux_user_uid(c->user));
	if (sibling)
		open_it(sibling);
	mutex_unlock(&engine.lock);
	return sibling;
}

void llamux_conversation_close(struct llamux_conversation *c)
{
	mutex_lock(&engine.lock);
	c->used = jiffies;
	if (!--c->files && !c->session)
		destroy(c);
	mutex_unlock(&engine.lock);
}

/* As if opened. Whose options a shared dialogue has, where there is one. */
static struct llamux_conversation *followed(const struct llamux_conversation *c)
{
	return c->kind == LLAMUX_CHAT ? llamux_conversation_sibling(c, LLAMUX_PROMPT) : NULL;
}

int llamux_conversation_follow(struct llamux_conversation *c)
{
	struct llamux_conversation *shared = followed(c);
	struct llamux_options *o;

	if (!shared)
		return 0;
	o = kmalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);
	if (o) {
		llamux_options_get(shared, o);
		llamux_options_set(c, o);
		kfree_sensitive(o);
	}
	llamux_conversation_close(shared);
	return o ? 0 : -ENOMEM;
}

void llamux_conversation_choose(struct llamux_conversation *c, const struct llamux_options *o)
{
	struct llamux_conversation *shared = followed(c);

	llamux_options_set(c, o);
	if (!shared)
		return;
	llamux_options_set(shared, o);
	llamux_conversation_close(shared);
}

void llamux_figures(const struct llamux_conversation *c, struct llamux_figures *f)
{
	llamux_figures_copy(f, &c->figures);
}

/* Table lock held. The caller's shared conversation, or dialogue, that was used last. */
static struct llamux_conversation *latest_shared(void)
{
	struct llamux_conversation *prompt = find_shared(LLAMUX_PROMPT);
	struct llamux_conversation *chat = find_shared(LLAMUX_CHAT);

	if (!prompt || !chat)
		return prompt ? prompt : chat;
	return ktime_before(READ_ONCE(prompt->started), READ_ONCE(chat->started)) ? chat : prompt;
}

void llamux_last_figures(struct llamux_figures *f)
{
	struct llamux_conversation *c;

	memset(f, 0, sizeof(*f));
	mutex_lock(&engine.lock);
	c = latest_shared();
	if (c)
		llamux_figures(c, f);
	mutex_unlock(&engine.lock);
}

void llamux_engine_count(u32 *now, u32 *peak)
{
	mutex_lock(&engine.lock);
	*now = engine.n;
	*peak = engine.peak;
	mutex_unlock(&engine.lock);
}

int llamux_engine_start(const struct llamux_limits *limits)
{
	engine.limits = *limits;
	llamux_users_limit(limits->user);
	return llamux_makers_start();
}

void llamux_engine_stop(void)
{
	struct llamux_conversation *c, *next;

	cancel_delayed_work_sync(&reaper);
	list_for_each_entry_safe(c, next, &engine.conversations, node)
		destroy(c);
	llamux_makers_stop();
}

// SPDX-License-Identifier: GPL-2.0
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "sessions.h"

#define REAP_INTERVAL (30 * HZ)		/* between looks for sessions that have ended */

static struct {
	struct llamux_limits limits;
	struct mutex lock;		/* guards what follows, and conversations' places in it */
	struct list_head conversations;
	u32 n, peak;
} table = {
	.lock = __MUTEX_INITIALIZER(table.lock),
	.conversations = LIST_HEAD_INIT(table.conversations),
};

static void reap(struct work_struct *work);
static DECLARE_DELAYED_WORK(reaper, reap);

const struct llamux_limits *llamux_sessions_limits(void)
{
	return &table.limits;
}

/* Free a conversation that no file has open. */
static void destroy(struct llamux_conversation *c)
{
	list_del(&c->node);
	table.n--;
	llamux_user_release(c->user, LLAMUX_QUOTA_CONVERSATIONS, 1);
	llamux_conversation_free(c);
}

/* Free shared conversations whose session has ended. */
static void reap_stale(void)
{
	struct llamux_conversation *c, *next;

	lockdep_assert_held(&table.lock);
	list_for_each_entry_safe(c, next, &table.conversations, node)
		if (!c->private && !c->files && llamux_requester_is_gone(&c->owner))
			destroy(c);
}

static void reap(struct work_struct *work)
{
	mutex_lock(&table.lock);
	reap_stale();
	if (!list_empty(&table.conversations))
		schedule_delayed_work(&reaper, REAP_INTERVAL);
	mutex_unlock(&table.lock);
}

/*
 * Free the shared conversation that was idle for the longest, of @user or, if that is NULL, of
 * all. Return: whether there was one.
 */
static bool evict(const struct llamux_user *user)
{
	struct llamux_conversation *c, *oldest = NULL;

	lockdep_assert_held(&table.lock);
	list_for_each_entry(c, &table.conversations, node)
		if (!c->private && !c->files && (!user || c->user == user) &&
		    (!oldest || time_before(c->used, oldest->used)))
			oldest = c;
	if (oldest)
		destroy(oldest);
	return oldest;
}

/* Reserve room for one more conversation, perhaps in place of an idle one. */
static bool reserve(struct llamux_user *user)
{
	if (!llamux_user_reserve(user, LLAMUX_QUOTA_CONVERSATIONS, 1) &&
	    !(evict(user) && llamux_user_reserve(user, LLAMUX_QUOTA_CONVERSATIONS, 1)))
		return false;
	if (table.n < table.limits.max_conversations || evict(NULL))
		return true;
	llamux_user_release(user, LLAMUX_QUOTA_CONVERSATIONS, 1);
	return false;
}

static struct llamux_conversation *find(const struct llamux_requester *who, enum llamux_kind kind)
{
	struct llamux_conversation *c;

	lockdep_assert_held(&table.lock);
	list_for_each_entry(c, &table.conversations, node)
		if (c->kind == kind && !c->private && llamux_requester_equal(&c->owner, who))
			return c;
	return NULL;
}

static void copy_options(struct llamux_conversation *to, struct llamux_conversation *from)
{
	const struct llamux_options *o = llamux_options_latest(&from->options);

	llamux_options_publish(&to->options, o);
	llamux_options_put(o);
}

/* Create a conversation with the options of the session's shared one. */
static struct llamux_conversation *create(const struct llamux_requester *who,
					  enum llamux_kind kind, bool private)
{
	struct llamux_conversation *shared = find(who, LLAMUX_PROMPT);
	struct llamux_conversation *c = llamux_conversation_new(who, kind, private);

	if (!c)
		return ERR_PTR(-ENOMEM);
	if (shared)
		copy_options(c, shared);
	reap_stale();
	if (!reserve(c->user)) {
		llamux_conversation_free(c);
		return ERR_PTR(-EUSERS);
	}
	list_add(&c->node, &table.conversations);
	table.n++;
	table.peak = max(table.peak, table.n);
	schedule_delayed_work(&reaper, REAP_INTERVAL);
	return c;
}

static void count_open(struct llamux_conversation *c)
{
	lockdep_assert_held(&table.lock);
	c->files++;
	c->used = jiffies;
}

struct llamux_conversation *llamux_sessions_open(const struct llamux_requester *who,
						 enum llamux_kind kind, bool private)
{
	struct llamux_conversation *c;

	mutex_lock(&table.lock);
	c = private ? NULL : find(who, kind);
	if (!c)
		c = create(who, kind, private);
	if (!IS_ERR(c))
		count_open(c);
	mutex_unlock(&table.lock);
	return c;
}

void llamux_sessions_close(struct llamux_conversation *c)
{
	mutex_lock(&table.lock);
	c->used = jiffies;
	if (!--c->files && c->private)
		destroy(c);
	mutex_unlock(&table.lock);
}

struct llamux_conversation *llamux_sessions_sibling(const struct llamux_conversation *c,
						    enum llamux_kind kind)
{
	struct llamux_conversation *sibling;

	if (c->private)
		return NULL;
	mutex_lock(&table.lock);
	sibling = find(&c->owner, kind);
	if (sibling)
		count_open(sibling);
	mutex_unlock(&table.lock);
	return sibling;
}

/* Open the conversation whose options a shared dialogue has. Return: NULL if there is none. */
static struct llamux_conversation *open_source(const struct llamux_conversation *c)
{
	return c->kind == LLAMUX_CHAT ? llamux_sessions_sibling(c, LLAMUX_PROMPT) : NULL;
}

void llamux_sessions_inherit_options(struct llamux_conversation *c)
{
	struct llamux_conversation *shared = open_source(c);

	if (!shared)
		return;
	copy_options(c, shared);
	llamux_sessions_close(shared);
}

void llamux_sessions_set_options(struct llamux_conversation *c, const struct llamux_options *o)
{
	struct llamux_conversation *shared = open_source(c);

	llamux_options_publish(&c->options, o);
	if (!shared)
		return;
	llamux_options_publish(&shared->options, o);
	llamux_sessions_close(shared);
}

/* Return: the session's shared conversation, of either kind, that began an answer last. */
static struct llamux_conversation *find_latest(const struct llamux_requester *who)
{
	struct llamux_conversation *prompt = find(who, LLAMUX_PROMPT);
	struct llamux_conversation *chat = find(who, LLAMUX_CHAT);

	if (!prompt || !chat)
		return prompt ? prompt : chat;
	return ktime_before(llamux_computation_started(&prompt->computation),
			    llamux_computation_started(&chat->computation)) ? chat : prompt;
}

void llamux_sessions_figures(const struct llamux_requester *who, struct llamux_figures *f)
{
	struct llamux_conversation *c;

	memset(f, 0, sizeof(*f));
	mutex_lock(&table.lock);
	c = find_latest(who);
	if (c)
		llamux_conversation_figures(c, f);
	mutex_unlock(&table.lock);
}

void llamux_sessions_count(u32 *now, u32 *peak)
{
	mutex_lock(&table.lock);
	*now = table.n;
	*peak = table.peak;
	mutex_unlock(&table.lock);
}

int llamux_sessions_start(const struct llamux_limits *limits)
{
	table.limits = *limits;
	llamux_user_set_limits(limits->user);
	return llamux_producers_start();
}

void llamux_sessions_stop(void)
{
	struct llamux_conversation *c, *next;

	cancel_delayed_work_sync(&reaper);
	list_for_each_entry_safe(c, next, &table.conversations, node)
		destroy(c);
	llamux_producers_stop();
}

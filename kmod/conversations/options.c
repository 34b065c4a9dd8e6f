// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "options.h"

/* Replace the system prompt by a copy of the text. */
int llamux_options_set_system(struct llamux_options *o, const char *text, u32 n)
{
	/* One byte more, so that an empty prompt differs from none. */
	char *copy = kmalloc(n + 1, GFP_KERNEL_ACCOUNT);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, n);
	copy[n] = '\0';
	kfree_sensitive(o->o.system.data);
	o->o.system = (struct gguf_str){ copy, n };
	return 0;
}

/* Has a reference of its own, so that nobody frees it. */
static struct llamux_options defaults = {
	.ref = KREF_INIT(1),
	.o = LLAMA_OPTIONS_DEFAULT,
};

struct llamux_options *llamux_options_prepare(const struct llamux_options *from)
{
	struct llamux_options *o = kzalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);

	if (!o)
		return NULL;
	if (!from)
		from = &defaults;
	kref_init(&o->ref);
	o->o = from->o;
	o->o.system = (struct gguf_str){ };
	strscpy(o->model, from->model, sizeof(o->model));
	if (!from->o.system.data || !llamux_options_set_system(o, from->o.system.data, from->o.system.len))
		return o;
	kfree_sensitive(o);
	return NULL;
}

/* The count is all of a snapshot that changes. */
static struct kref *count_of(const struct llamux_options *o)
{
	return (struct kref *)&o->ref;
}

const struct llamux_options *llamux_options_get(const struct llamux_options *o)
{
	kref_get(count_of(o));
	return o;
}

static void release(struct kref *ref)
{
	struct llamux_options *o = container_of(ref, struct llamux_options, ref);

	kfree_sensitive(o->o.system.data);
	kfree_sensitive(o);
}

void llamux_options_put(const struct llamux_options *o)
{
	if (o)
		kref_put(count_of(o), release);
}

void llamux_options_init(struct llamux_options_holder *holder)
{
	spin_lock_init(&holder->lock);
	holder->latest = llamux_options_get(&defaults);
}

const struct llamux_options *llamux_options_latest(struct llamux_options_holder *holder)
{
	const struct llamux_options *o;

	spin_lock(&holder->lock);
	o = llamux_options_get(holder->latest);
	spin_unlock(&holder->lock);
	return o;
}

void llamux_options_publish(struct llamux_options_holder *holder, const struct llamux_options *o)
{
	llamux_options_get(o);
	spin_lock(&holder->lock);
	swap(holder->latest, o);
	spin_unlock(&holder->lock);
	llamux_options_put(o);
}

void llamux_options_exit(struct llamux_options_holder *holder)
{
	llamux_options_put(holder->latest);
}

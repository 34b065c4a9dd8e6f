// SPDX-License-Identifier: GPL-2.0
/* What programs ask of an open conversation: include/uapi/llamux.h. */
#include <linux/build_bug.h>
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "include/uapi/llamux.h"
#include "log.h"
#include "procfs.h"
#include "reader.h"

static_assert(LLAMUX_MODEL_BYTES == LLAMUX_KEY);
static_assert(LLAMUX_SYSTEM_BYTES == LLAMUX_MAX_SYSTEM);
static_assert(LLAMUX_STOPS == LLAMA_MAX_STOPS);
static_assert(LLAMUX_STOP_BYTES == LLAMA_STOP_BYTES);
static_assert(LLAMUX_TEMPLATE_AUTO == LLAMA_TEMPLATE_AUTO);

static void put_options(struct llamux_ioc_options *to, const struct llamux_options *from)
{
	const struct llama_options *o = &from->o;

	*to = (struct llamux_ioc_options){
		.temperature = o->sampler.temperature,
		.top_k = o->sampler.top_k,
		.top_p = o->sampler.top_p,
		.min_p = o->sampler.min_p,
		.repeat_penalty = o->sampler.repeat_penalty,
		.max_tokens = o->max_tokens,
		.seed = o->sampler.seed,
		.speculate = o->speculate,
		.chat_template = o->chat,
		.n_stops = o->stops.n,
		.n_system = o->system.data ? o->system.len : LLAMUX_OWN_SYSTEM,
	};
	memcpy(to->stop_bytes, o->stops.len, sizeof(to->stop_bytes));
	memcpy(to->stops, o->stops.text, sizeof(to->stops));
	memcpy(to->model, from->model, sizeof(to->model));
	if (o->system.data)
		memcpy(to->system, o->system.data, o->system.len);
}

static bool is_text(const char *text, size_t n)
{
	size_t tail;

	return !memchr(text, 0, n) && !llama_utf8_check(text, n, &tail) && !tail;
}

static int take_options(struct llamux_options *to, const struct llamux_ioc_options *from)
{
	bool own = from->n_system == LLAMUX_OWN_SYSTEM;
	u32 i;

	if (from->reserved || from->n_stops > LLAMUX_STOPS ||
	    (!own && from->n_system > LLAMUX_SYSTEM_BYTES) ||
	    from->chat_template < LLAMUX_TEMPLATE_AUTO || from->chat_template > LLAMA_CHAT_LLAMA3)
		return -EINVAL;
	if (!own && !is_text(from->system, from->n_system))
		return -EILSEQ;
	for (i = 0; i < from->n_stops; i++) {
		if (from->stop_bytes[i] > LLAMUX_STOP_BYTES)
			return -EINVAL;
		if (!is_text(from->stops[i], from->stop_bytes[i]))
			return -EILSEQ;
	}
	llamux_options_default(to);
	to->o.sampler = (struct llama_sampler_params){
		.temperature = from->temperature,
		.top_k = from->top_k,
		.top_p = from->top_p,
		.min_p = from->min_p,
		.repeat_penalty = from->repeat_penalty,
		.seed = from->seed,
	};
	to->o.max_tokens = from->max_tokens;
	to->o.speculate = from->speculate;
	to->o.chat = from->chat_template;
	to->o.stops.n = from->n_stops;
	memcpy(to->o.stops.len, from->stop_bytes, sizeof(to->o.stops.len));
	memcpy(to->o.stops.text, from->stops, sizeof(to->o.stops.text));
	memcpy(to->model, from->model, sizeof(to->model));
	if (!own) {
		memcpy(to->system, from->system, from->n_system);
		to->o.system = (struct gguf_str){ to->system, from->n_system };
	}
	return 0;
}

static int read_options(struct llamux_reader *r, void __user *argument)
{
	struct llamux_options *o = kmalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);
	struct llamux_ioc_options *u = kmalloc(sizeof(*u), GFP_KERNEL_ACCOUNT);
	int err = o && u ? llamux_sessions_inherit_options(r->c) : -ENOMEM;

	if (!err) {
		llamux_options_get(r->c, o);
		put_options(u, o);
		err = copy_to_user(argument, u, sizeof(*u)) ? -EFAULT : 0;
	}
	kfree_sensitive(u);
	kfree_sensitive(o);
	return err;
}

static int change_options(struct llamux_reader *r, const void __user *argument)
{
	struct llamux_ioc_options *u = memdup_user(argument, sizeof(*u));
	struct llama_diag diag = { };
	struct llamux_options *o;
	int err;

	if (IS_ERR(u))
		return PTR_ERR(u);
	o = kmalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);
	err = o ? take_options(o, u) : -ENOMEM;
	if (!err)
		err = llamux_options_check(o, &diag);
	if (!err)
		llamux_sessions_set_options(r->c, o);
	if (diag.text[0])
		pr_info_ratelimited("options: %s\n", diag.text);
	kfree_sensitive(o);
	kfree_sensitive(u);
	return err;
}

static int read_figures(struct llamux_reader *r, void __user *argument)
{
	struct llamux_figures f;
	struct llamux_ioc_figures u;

	llamux_conversation_figures(r->c, &f);
	u = (struct llamux_ioc_figures){
		.prompt_tokens = f.prompt_tokens,
		.reused_tokens = f.reused,
		.tokens = f.tokens,
		.drafted = f.drafted,
		.accepted = f.accepted,
		.ttft_us = f.ttft_us,
		.prefill_us = f.prefill_us,
		.decode_us = f.decode_us,
		.sampled = f.sampled,
		.log_prob = f.log_prob,
		.margin = f.margin,
	};
	return copy_to_user(argument, &u, sizeof(u)) ? -EFAULT : 0;
}

long llamux_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct llamux_reader *r = file->private_data;
	void __user *p = (void __user *)argument;

	switch (command) {
	case LLAMUX_IOC_GET_OPTIONS:
		return read_options(r, p);
	case LLAMUX_IOC_SET_OPTIONS:
		return change_options(r, p);
	case LLAMUX_IOC_FIGURES:
		return read_figures(r, p);
	case LLAMUX_IOC_RESET:
		return llamux_reader_reset(r);
	default:
		return -ENOTTY;
	}
}

#ifdef CONFIG_COMPAT
long llamux_compat_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	return llamux_ioctl(file, command, (unsigned long)compat_ptr(argument));
}
#endif

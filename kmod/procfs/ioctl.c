// SPDX-License-Identifier: GPL-2.0
/* Ioctls of an open conversation; include/uapi/llamux.h describes them. */
#include <linux/build_bug.h>
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "include/uapi/llamux.h"
#include "procfs.h"
#include "conversations/reader.h"

/* Programs that were compiled with the first version use these sizes. */
static_assert(offsetofend(struct llamux_ioc_options, system) == LLAMUX_OPTIONS_SIZE_VER0);
static_assert(sizeof(struct llamux_ioc_figures) == LLAMUX_FIGURES_SIZE_VER0);

/* Number of a command without the size of its structure. */
#define ANY_SIZE(command) ((command) & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT))

/*
 * Copy a structure to the program: the first @size bytes if the program knows a shorter one,
 * followed by zeros if it knows a longer one.
 */
static int copy_to_program(void __user *to, size_t size, const void *from, size_t known)
{
	size_t n = min(size, known);

	if (copy_to_user(to, from, n) || clear_user(to + n, size - n))
		return -EFAULT;
	return 0;
}

static int ioctl_get_options(struct llamux_reader *r, void __user *argument, size_t size)
{
	const struct llamux_options *o;
	struct llamux_ioc_options *u;
	int err;

	if (size < LLAMUX_OPTIONS_SIZE_VER0)
		return -EINVAL;
	u = kmalloc(sizeof(*u), GFP_KERNEL_ACCOUNT);
	if (!u)
		return -ENOMEM;
	llamux_sessions_inherit_options(r->c);
	o = llamux_options_latest(&r->c->options);
	llamux_options_export(o, u);
	llamux_options_put(o);
	err = copy_to_program(argument, size, u, sizeof(*u));
	kfree_sensitive(u);
	return err;
}

/* Return: options, which the caller releases with llamux_options_put(), or an ERR_PTR. */
static struct llamux_options *read_options(const void __user *argument, size_t size)
{
	struct llamux_ioc_options *u = kmalloc(sizeof(*u), GFP_KERNEL_ACCOUNT);
	struct llamux_options *o = llamux_options_prepare(NULL);
	int err = u && o ? copy_struct_from_user(u, sizeof(*u), argument, size) : -ENOMEM;

	if (!err)
		err = llamux_options_import(o, u);
	kfree_sensitive(u);
	if (!err)
		return o;
	llamux_options_put(o);
	return ERR_PTR(err);
}

static int ioctl_set_options(struct llamux_reader *r, const void __user *argument, size_t size)
{
	struct llamux_options *o;

	if (size < LLAMUX_OPTIONS_SIZE_VER0)
		return -EINVAL;
	o = read_options(argument, size);
	if (IS_ERR(o))
		return PTR_ERR(o);
	llamux_sessions_set_options(r->c, o);
	llamux_options_put(o);
	return 0;
}

static int ioctl_get_figures(struct llamux_reader *r, void __user *argument, size_t size)
{
	struct llamux_figures f;
	struct llamux_ioc_figures u;

	if (size < LLAMUX_FIGURES_SIZE_VER0)
		return -EINVAL;
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
	return copy_to_program(argument, size, &u, sizeof(u));
}

long llamux_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct llamux_reader *r = file->private_data;
	void __user *p = (void __user *)argument;
	size_t size = _IOC_SIZE(command);

	if (command == LLAMUX_IOC_RESET)
		return llamux_reader_reset(r);
	switch (ANY_SIZE(command)) {
	case ANY_SIZE(LLAMUX_IOC_GET_OPTIONS):
		return ioctl_get_options(r, p, size);
	case ANY_SIZE(LLAMUX_IOC_SET_OPTIONS):
		return ioctl_set_options(r, p, size);
	case ANY_SIZE(LLAMUX_IOC_FIGURES):
		return ioctl_get_figures(r, p, size);
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

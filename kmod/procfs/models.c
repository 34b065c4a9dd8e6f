// SPDX-License-Identifier: GPL-2.0
/* /proc/llamux/models lists the loaded models; root changes them with /proc/llamux/control. */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "resources/log.h"
#include "procfs.h"
#include "models/registry.h"

#define MAX_COMMAND (PATH_MAX + 256)	/* bytes: a verb, a path and a name */

static int models_show(struct seq_file *m, void *unused)
{
	llamux_registry_show(m);
	return 0;
}

static int models_open(struct inode *inode, struct file *file)
{
	int err;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	err = single_open(file, models_show, NULL);
	if (err)
		module_put(THIS_MODULE);
	return err;
}

static int models_release(struct inode *inode, struct file *file)
{
	int err = single_release(inode, file);

	module_put(THIS_MODULE);
	return err;
}

/* Execute a command, "VERB ARGUMENT [NAME]". Return: 0 or -errno. */
static int execute(char *text)
{
	char *verb = strsep(&text, " \t");
	char *argument = strsep(&text, " \t");
	char *name = strsep(&text, " \t");
	int err = -EINVAL;

	if (!argument || !*argument || text || (name && strcmp(verb, "load")))
		pr_err("control: write load PATH [NAME], unload NAME or default NAME\n");
	else if (!strcmp(verb, "load"))
		return llamux_registry_load(argument, name);
	else if (!strcmp(verb, "unload"))
		err = llamux_registry_unload(argument);
	else if (!strcmp(verb, "default"))
		err = llamux_registry_choose(argument);
	else
		pr_err("control: there is no command \"%.32s\"\n", verb);
	if (err == -ENOENT)
		pr_err("control: there is no model %.63s\n", argument);
	if (err == -EBUSY)
		pr_err("control: %.63s is the default: choose another one first\n", argument);
	return err;
}

static ssize_t control_write(struct file *file, const char __user *buf, size_t n, loff_t *pos)
{
	char *text;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (n > MAX_COMMAND)
		return -EMSGSIZE;
	text = memdup_user_nul(buf, n);
	if (IS_ERR(text))
		return PTR_ERR(text);
	err = strlen(text) == n ? execute(strim(text)) : -EINVAL;
	kfree(text);
	return err ? err : n;
}

static int control_open(struct inode *inode, struct file *file)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	return stream_open(inode, file);
}

static int control_release(struct inode *inode, struct file *file)
{
	module_put(THIS_MODULE);
	return 0;
}

const struct proc_ops llamux_models_ops = {
	.proc_open = models_open,
	.proc_release = models_release,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
};

const struct proc_ops llamux_control_ops = {
	.proc_open = control_open,
	.proc_release = control_release,
	.proc_write = control_write,
};

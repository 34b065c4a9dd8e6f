// SPDX-License-Identifier: GPL-2.0
/* /proc/llamux/logits: root writes token ids and reads their logits. */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/module.h>

#include "conversations/evaluation.h"
#include "procfs.h"

static int logits_open(struct inode *inode, struct file *file)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	file->private_data = llamux_evaluation_new();
	if (!file->private_data) {
		module_put(THIS_MODULE);
		return -ENOMEM;
	}
	return stream_open(inode, file);
}

static int logits_release(struct inode *inode, struct file *file)
{
	llamux_evaluation_free(file->private_data);
	module_put(THIS_MODULE);
	return 0;
}

static ssize_t logits_write(struct file *file, const char __user *text, size_t n, loff_t *pos)
{
	return llamux_evaluation_write(file->private_data, text, n);
}

static ssize_t logits_read(struct file *file, char __user *buf, size_t n, loff_t *pos)
{
	return llamux_evaluation_read(file->private_data, buf, n);
}

const struct proc_ops llamux_logits_ops = {
	.proc_open = logits_open,
	.proc_release = logits_release,
	.proc_read = logits_read,
	.proc_write = logits_write,
};

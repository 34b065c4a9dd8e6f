// SPDX-License-Identifier: GPL-2.0
/* /proc/llamux/prompt and chat: programs write a prompt and read the answer. */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "procfs.h"
#include "conversations/reader.h"

/* An open file holds a reference to the module, so that rmmod fails with EAGAIN. */
static int open(struct inode *inode, struct file *file, enum llamux_kind kind)
{
	bool private = (file->f_mode & FMODE_READ) && (file->f_mode & FMODE_WRITE);
	struct llamux_reader *r;
	int err;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	r = kmalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	err = r ? llamux_procfs_open(r, kind, private) : -ENOMEM;
	if (err) {
		kfree(r);
		module_put(THIS_MODULE);
		return err;
	}
	file->private_data = r;
	file->f_mode |= FMODE_NOWAIT;
	return stream_open(inode, file);
}

static int prompt_open(struct inode *inode, struct file *file)
{
	return open(inode, file, LLAMUX_PROMPT);
}

static int chat_open(struct inode *inode, struct file *file)
{
	return open(inode, file, LLAMUX_CHAT);
}

static int prompt_release(struct inode *inode, struct file *file)
{
	llamux_reader_close(file->private_data);
	kfree(file->private_data);
	module_put(THIS_MODULE);
	return 0;
}

static ssize_t prompt_write(struct file *file, const char __user *text, size_t n, loff_t *pos)
{
	struct iov_iter from;

	iov_iter_ubuf(&from, WRITE, (void __user *)text, n);
	return llamux_reader_write(file->private_data, &from);
}

static ssize_t prompt_read(struct kiocb *iocb, struct iov_iter *to)
{
	const struct llama_yield yield = { .fn = llamux_requester_yield };
	bool wait = !(iocb->ki_filp->f_flags & O_NONBLOCK) && !(iocb->ki_flags & IOCB_NOWAIT);

	return llamux_reader_read(iocb->ki_filp->private_data, to, wait, &yield);
}

static __poll_t prompt_poll(struct file *file, poll_table *table)
{
	return llamux_reader_poll(file->private_data, file, table);
}

const struct proc_ops llamux_prompt_ops = {
	.proc_open = prompt_open,
	.proc_release = prompt_release,
	.proc_read_iter = prompt_read,
	.proc_write = prompt_write,
	.proc_poll = prompt_poll,
	.proc_ioctl = llamux_ioctl,
#ifdef CONFIG_COMPAT
	.proc_compat_ioctl = llamux_compat_ioctl,
#endif
};

const struct proc_ops llamux_chat_ops = {
	.proc_open = chat_open,
	.proc_release = prompt_release,
	.proc_read_iter = prompt_read,
	.proc_write = prompt_write,
	.proc_poll = prompt_poll,
	.proc_ioctl = llamux_ioctl,
#ifdef CONFIG_COMPAT
	.proc_compat_ioctl = llamux_compat_ioctl,
#endif
};

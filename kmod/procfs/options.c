// SPDX-License-Identifier: GPL-2.0
/* /proc/llamux/options: options of the caller's next answers, as lines of text. */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "resources/log.h"
#include "procfs.h"
#include "conversations/reader.h"

#define MAX_TEXT (2 * LLAMUX_MAX_SYSTEM)	/* bytes of a write: a backslash may stand before each */
#define MAX_SHOWN (4 * LLAMUX_MAX_SYSTEM)	/* bytes that all options need at most */
#define MAX_KEY 32	/* bytes of an unknown option in the log */

/**
 * struct request - Changes that a write requests.
 * @o:     Options with the changes of the lines that were read.
 * @reset: Begin a new dialogue.
 */
struct request {
	struct llamux_options *o;
	bool reset;
};

/* Restore the defaults of all options. Return: 0 or -ENOMEM. */
static int reset(struct request *r)
{
	struct llamux_options *o = llamux_options_prepare(NULL);

	if (!o)
		return -ENOMEM;
	llamux_options_put(r->o);
	r->o = o;
	r->reset = true;
	return 0;
}

/* Apply one line, "key value". Return: 0, -EINVAL or -ENOMEM. */
static int parse_line(char *line, struct request *r)
{
	char *space = strchr(line, ' ');
	char *value = space ? space + 1 : line + strlen(line);
	int err;

	if (space)
		*space = '\0';
	if (!strcmp(line, "reset") && !*value)
		return reset(r);
	err = llamux_options_parse(r->o, line, value);
	if (err == -ENOENT)
		pr_info_ratelimited("options: there is no option \"%*pE\"\n",
				    (int)strnlen(line, MAX_KEY), line);
	else if (err && err != -ENOMEM)
		pr_info_ratelimited("options: bad value for %s\n", line);
	return err == -ENOMEM ? err : err ? -EINVAL : 0;
}

static int parse(char *text, struct request *r)
{
	char *line;
	int err;

	while ((line = strsep(&text, "\n"))) {
		if (!*line)
			continue;
		err = parse_line(line, r);
		if (err)
			return err;
	}
	return llamux_options_check(r->o);
}

/* Apply all lines of a text of @n bytes to the conversation's options, or none of them. */
static int change(struct llamux_conversation *c, char *text, size_t n)
{
	const struct llamux_options *old;
	struct request request = { };
	size_t tail;
	int err;

	if (strlen(text) != n)
		return -EINVAL;
	if (llama_utf8_check(text, n, &tail) || tail)
		return -EILSEQ;
	old = llamux_options_latest(&c->options);
	request.o = llamux_options_prepare(old);
	llamux_options_put(old);
	err = request.o ? parse(text, &request) : -ENOMEM;
	if (!err && request.reset)
		err = llamux_reader_reset_dialogue(c);
	if (!err)
		llamux_options_publish(&c->options, request.o);
	llamux_options_put(request.o);
	return err;
}

static ssize_t options_write(struct file *file, const char __user *buf, size_t n, loff_t *pos)
{
	struct llamux_reader *r = ((struct seq_file *)file->private_data)->private;
	char *text;
	int err;

	if (n > MAX_TEXT)
		return -EMSGSIZE;
	text = memdup_user_nul(buf, n);
	if (IS_ERR(text))
		return PTR_ERR(text);
	err = change(r->c, text, n);
	kfree_sensitive(text);
	return err ? err : n;
}

static int options_show(struct seq_file *m, void *unused)
{
	struct llamux_reader *r = m->private;
	const struct llamux_options *o = llamux_options_latest(&r->c->options);

	llamux_options_show(o, m);
	llamux_options_put(o);
	return 0;
}

static int options_open(struct inode *inode, struct file *file)
{
	struct llamux_reader *r;
	int err;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	r = kmalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	err = r ? llamux_procfs_open(r, LLAMUX_PROMPT, false) : -ENOMEM;
	if (err)
		goto free;
	/* The buffer holds all options, since seq_file would replace a full one without zeroing it. */
	err = single_open_size(file, options_show, r, MAX_SHOWN);
	if (!err)
		return 0;
	llamux_reader_close(r);
free:
	kfree(r);
	module_put(THIS_MODULE);
	return err;
}

static int options_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct llamux_reader *r = m->private;

	memzero_explicit(m->buf, m->size);	/* may hold a system prompt */
	single_release(inode, file);
	llamux_reader_close(r);
	kfree(r);
	module_put(THIS_MODULE);
	return 0;
}

const struct proc_ops llamux_options_ops = {
	.proc_open = options_open,
	.proc_release = options_release,
	.proc_read = seq_read,
	.proc_write = options_write,
	.proc_lseek = seq_lseek,
};

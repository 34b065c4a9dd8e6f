// SPDX-License-Identifier: GPL-2.0
/* /proc/llamux/options: what the caller's next answer shall be like. */
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "engine.h"
#include "log.h"
#include "procfs.h"

#define MAX_TEXT (2 * LLAMUX_MAX_SYSTEM)

static int parse_ratio(const char *value, u32 *v)
{
	return llama_parse_q16(value, strlen(value), v);
}

/* Undo the escapes \n and \\, so that a line can hold a text of several. */
static int parse_system(const char *value, struct llamux_options *o)
{
	u32 n = 0;

	for (; *value; value++) {
		if (n == sizeof(o->system))
			return -EINVAL;
		o->system[n] = *value;
		if (*value == '\\') {
			value++;
			if (*value != 'n' && *value != '\\')
				return -EINVAL;
			o->system[n] = *value == 'n' ? '\n' : '\\';
		}
		n++;
	}
	o->o.system = (struct gguf_str){ .data = o->system, .len = n };
	return 0;
}

static int parse_template(const char *value, int *chat)
{
	int t = LLAMA_TEMPLATE_AUTO;

	if (strcmp(value, "auto")) {
		t = llama_chat_by_name(value);
		if (t < 0)
			return t;
	}
	*chat = t;
	return 0;
}

static int parse_max_tokens(const char *value, u32 *v)
{
	int err = kstrtou32(value, 10, v);

	return err || !*v ? -EINVAL : 0;
}

static int parse_speculate(const char *value, u32 *v)
{
	int err = kstrtou32(value, 10, v);

	return err || *v > LLAMA_MAX_DRAFT ? -EINVAL : 0;
}

static int parse_option(const char *key, const char *value, struct llamux_options *o)
{
	struct llama_sampler_params *p = &o->o.sampler;

	if (!strcmp(key, "temperature"))
		return parse_ratio(value, &p->temperature);
	if (!strcmp(key, "top_k"))
		return kstrtou32(value, 10, &p->top_k);
	if (!strcmp(key, "top_p"))
		return parse_ratio(value, &p->top_p);
	if (!strcmp(key, "min_p"))
		return parse_ratio(value, &p->min_p);
	if (!strcmp(key, "repeat_penalty"))
		return parse_ratio(value, &p->repeat_penalty);
	if (!strcmp(key, "seed"))
		return kstrtou64(value, 10, &p->seed);
	if (!strcmp(key, "max_tokens"))
		return parse_max_tokens(value, &o->o.max_tokens);
	if (!strcmp(key, "speculate"))
		return parse_speculate(value, &o->o.speculate);
	if (!strcmp(key, "template"))
		return parse_template(value, &o->o.chat);
	if (!strcmp(key, "system"))
		return parse_system(value, o);
	if (!strcmp(key, "reset") && !*value) {
		llamux_options_default(o);
		return 0;
	}
	return -ENOENT;
}

/* One line, "key value". */
static int parse_line(char *line, struct llamux_options *o)
{
	char *value = strchr(line, ' ');
	int err;

	if (value)
		*value++ = '\0';
	err = parse_option(line, value ? value : "", o);
	if (err == -ENOENT)
		pr_info_ratelimited("options: there is no option \"%.32s\"\n", line);
	else if (err)
		pr_info_ratelimited("options: bad value for %s\n", line);
	return err ? -EINVAL : 0;
}

static int parse(char *text, struct llamux_options *o)
{
	struct llama_sampler sampler;
	struct llama_diag diag = { };
	char *line;
	int err;

	while ((line = strsep(&text, "\n"))) {
		if (!*line)
			continue;
		err = parse_line(line, o);
		if (err)
			return err;
	}
	err = llama_sampler_init(&sampler, &o->o.sampler, &diag);
	if (err)
		pr_info_ratelimited("options: %s\n", diag.text);
	return err;
}

static ssize_t options_write(struct file *file, const char __user *buf, size_t n, loff_t *pos)
{
	struct llamux_reader *r = ((struct seq_file *)file->private_data)->private;
	struct llamux_options *o;
	size_t tail;
	char *text;
	int err;

	if (n > MAX_TEXT)
		return -EMSGSIZE;
	text = memdup_user_nul(buf, n);
	if (IS_ERR(text))
		return PTR_ERR(text);
	o = kmalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);
	err = o ? 0 : -ENOMEM;
	if (!err && strlen(text) != n)
		err = -EINVAL;
	if (!err && (utf8_check(text, n, &tail) || tail))
		err = -EILSEQ;
	if (!err) {
		llamux_options_get(r->c, o);
		err = parse(text, o);
	}
	if (!err)
		llamux_options_set(r->c, o);
	kfree_sensitive(o);
	kfree_sensitive(text);
	return err ? err : n;
}

/* Q16 with the fewest decimals that are read as the same number: five at the most. */
static void show_ratio(struct seq_file *m, const char *key, u32 v)
{
	u32 unit = 1, digits = 0;
	u64 near;

	for (;; unit *= 10, digits++) {
		near = ((u64)v * unit + (1 << 15)) >> 16;
		if (digits == 5 || ((near << 16) + unit / 2) / unit == v)
			break;
	}
	seq_printf(m, "%s %u", key, (u32)near / unit);
	if (digits)
		seq_printf(m, ".%0*u", digits, (u32)near % unit);
	seq_putc(m, '\n');
}

static void show_system(struct seq_file *m, struct gguf_str s)
{
	u32 i;

	if (!s.data)
		return;
	seq_puts(m, "system ");
	for (i = 0; i < s.len; i++) {
		if (s.data[i] == '\n')
			seq_puts(m, "\\n");
		else if (s.data[i] == '\\')
			seq_puts(m, "\\\\");
		else
			seq_putc(m, s.data[i]);
	}
	seq_putc(m, '\n');
}

static int options_show(struct seq_file *m, void *unused)
{
	struct llamux_reader *r = m->private;
	struct llamux_options *o = kmalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);

	if (!o)
		return -ENOMEM;
	llamux_options_get(r->c, o);
	show_ratio(m, "temperature", o->o.sampler.temperature);
	seq_printf(m, "top_k %u\n", o->o.sampler.top_k);
	show_ratio(m, "top_p", o->o.sampler.top_p);
	show_ratio(m, "min_p", o->o.sampler.min_p);
	show_ratio(m, "repeat_penalty", o->o.sampler.repeat_penalty);
	seq_printf(m, "seed %llu\n", o->o.sampler.seed);
	seq_printf(m, "max_tokens %u\n", o->o.max_tokens);
	seq_printf(m, "speculate %u\n", o->o.speculate);
	seq_printf(m, "template %s\n",
		   o->o.chat == LLAMA_TEMPLATE_AUTO ? "auto" : llama_chat_name(o->o.chat));
	show_system(m, o->o.system);
	kfree_sensitive(o);
	return 0;
}

static int options_open(struct inode *inode, struct file *file)
{
	struct llamux_reader *r;
	int err;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	r = kmalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	err = r ? llamux_open(r, false) : -ENOMEM;
	if (err)
		goto free;
	err = single_open_size(file, options_show, r, 2 * MAX_TEXT);
	if (!err)
		return 0;
	llamux_close(r);
free:
	kfree(r);
	module_put(THIS_MODULE);
	return err;
}

static int options_release(struct inode *inode, struct file *file)
{
	struct llamux_reader *r = ((struct seq_file *)file->private_data)->private;

	single_release(inode, file);
	llamux_close(r);
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

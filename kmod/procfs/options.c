// SPDX-License-Identifier: GPL-2.0
/* /proc/llamux/options: what the caller's next answer shall be like. */
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "log.h"
#include "procfs.h"
#include "reader.h"
#include "registry.h"

#define MAX_TEXT (2 * LLAMUX_MAX_SYSTEM)
#define MAX_KEY 32	/* bytes of an unknown one in the log */

/* What a write asks for. */
struct request {
	struct llamux_options *o;
	bool reset;
};

static int parse_ratio(const char *value, u32 *v)
{
	return llama_parse_q16(value, strlen(value), v);
}

/*
 * Undo the escapes \n and \\, so that a line can hold a text of several.
 * Return: bytes at @out (size), or -EINVAL.
 */
static int parse_text(const char *value, char *out, u32 size)
{
	u32 n = 0;

	for (; *value; value++) {
		if (n == size)
			return -EINVAL;
		out[n] = *value;
		if (*value == '\\') {
			value++;
			if (*value != 'n' && *value != '\\')
				return -EINVAL;
			out[n] = *value == 'n' ? '\n' : '\\';
		}
		n++;
	}
	return n;
}

static int parse_system(const char *value, struct llamux_options *o)
{
	int n = parse_text(value, o->system, sizeof(o->system));

	if (n < 0)
		return n;
	o->o.system = (struct gguf_str){ .data = o->system, .len = n };
	return 0;
}

/* One more; none takes them all back. */
static int parse_stop(const char *value, struct llama_stops *stops)
{
	int n;

	if (!*value) {
		stops->n = 0;
		return 0;
	}
	if (stops->n == LLAMA_MAX_STOPS)
		return -EINVAL;
	n = parse_text(value, stops->text[stops->n], LLAMA_STOP_BYTES);
	if (n < 0)
		return n;
	stops->len[stops->n++] = n;
	return 0;
}

static int parse_model(const char *value, struct llamux_options *o)
{
	struct llamux_model *model = llamux_registry_get(value);

	llamux_registry_put(model);
	if (!model || strscpy(o->model, value, sizeof(o->model)) < 0)
		return -EINVAL;
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

static int parse_option(const char *key, const char *value, struct request *r)
{
	struct llamux_options *o = r->o;
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
	if (!strcmp(key, "stop"))
		return parse_stop(value, &o->o.stops);
	if (!strcmp(key, "model"))
		return parse_model(value, o);
	if (!strcmp(key, "reset") && !*value) {
		llamux_options_default(o);
		r->reset = true;
		return 0;
	}
	return -ENOENT;
}

/* One line, "key value". */
static int parse_line(char *line, struct request *r)
{
	char *value = strchr(line, ' ');
	int err;

	if (value)
		*value++ = '\0';
	err = parse_option(line, value ? value : "", r);
	if (err == -ENOENT)
		pr_info_ratelimited("options: there is no option \"%*pE\"\n",
				    (int)strnlen(line, MAX_KEY), line);
	else if (err)
		pr_info_ratelimited("options: bad value for %s\n", line);
	return err ? -EINVAL : 0;
}

static int parse(char *text, struct request *r)
{
	struct llama_sampler sampler;
	struct llama_diag diag = { };
	char *line;
	int err;

	while ((line = strsep(&text, "\n"))) {
		if (!*line)
			continue;
		err = parse_line(line, r);
		if (err)
			return err;
	}
	err = llama_sampler_init(&sampler, &r->o->o.sampler, &diag);
	if (err)
		pr_info_ratelimited("options: %s\n", diag.text);
	return err;
}

static ssize_t options_write(struct file *file, const char __user *buf, size_t n, loff_t *pos)
{
	struct llamux_reader *r = ((struct seq_file *)file->private_data)->private;
	struct request request = { };
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
	if (!err && (llama_utf8_check(text, n, &tail) || tail))
		err = -EILSEQ;
	if (!err) {
		llamux_options_get(r->c, o);
		request.o = o;
		err = parse(text, &request);
	}
	if (!err && request.reset)
		err = llamux_reader_reset_dialogue(r->c);
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

static void show_text(struct seq_file *m, const char *key, const char *text, u32 n)
{
	u32 i;

	seq_printf(m, "%s ", key);
	for (i = 0; i < n; i++) {
		if (text[i] == '\n')
			seq_puts(m, "\\n");
		else if (text[i] == '\\')
			seq_puts(m, "\\\\");
		else
			seq_putc(m, text[i]);
	}
	seq_putc(m, '\n');
}

static int options_show(struct seq_file *m, void *unused)
{
	struct llamux_reader *r = m->private;
	struct llamux_options *o = kmalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);
	u32 i;

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
	if (*o->model)
		seq_printf(m, "model %s\n", o->model);
	for (i = 0; i < o->o.stops.n; i++)
		show_text(m, "stop", o->o.stops.text[i], o->o.stops.len[i]);
	if (o->o.system.data)
		show_text(m, "system", o->o.system.data, o->o.system.len);
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
	err = r ? llamux_procfs_open(r, LLAMUX_PROMPT, false) : -ENOMEM;
	if (err)
		goto free;
	/* Enough for any: a larger buffer would be taken in the place of one that is not wiped. */
	err = single_open_size(file, options_show, r, 2 * MAX_TEXT);
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

	memzero_explicit(m->buf, m->size);	/* it held a system prompt */
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

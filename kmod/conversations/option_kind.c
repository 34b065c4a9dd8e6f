// SPDX-License-Identifier: GPL-2.0
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "include/llamux.h"
#include "include/uapi/llamux.h"
#include "models/registry.h"
#include "option_kind.h"

static_assert(LLAMUX_MODEL_BYTES == LLAMUX_KEY);
static_assert(LLAMUX_SYSTEM_BYTES == LLAMUX_MAX_SYSTEM);
static_assert(LLAMUX_STOPS == LLAMA_MAX_STOPS);
static_assert(LLAMUX_STOP_BYTES == LLAMA_STOP_BYTES);
static_assert(LLAMUX_TEMPLATE_AUTO == LLAMA_TEMPLATE_AUTO);

#define HALF (1u << 15)	/* of a unit, Q16 */

u64 llamux_option_load(const struct llamux_option *option, const void *structure, u16 offset)
{
	const void *p = structure + offset;

	return option->size == sizeof(u64) ? *(const u64 *)p : *(const u32 *)p;
}

static void store(const struct llamux_option *option, void *structure, u16 offset, u64 v)
{
	void *p = structure + offset;

	if (option->size == sizeof(u64))
		*(u64 *)p = v;
	else
		*(u32 *)p = v;
}

static int parse_number(const struct llamux_option *option, struct llamux_options *o, char *value)
{
	u64 v;

	if (kstrtou64(value, 10, &v) || (option->size == sizeof(u32) && v > U32_MAX))
		return -EINVAL;
	store(option, o, option->offset, v);
	return 0;
}

static void show_number(const struct llamux_option *option, const struct llamux_options *o,
			struct seq_file *m)
{
	seq_printf(m, "%s %llu\n", option->name, llamux_option_load(option, o, option->offset));
}

static int import_number(const struct llamux_option *option, struct llamux_options *o,
			 const struct llamux_ioc_options *from, struct llama_diag *diag)
{
	store(option, o, option->offset, llamux_option_load(option, from, option->ioc));
	return 0;
}

static void export_number(const struct llamux_option *option, const struct llamux_options *o,
			  struct llamux_ioc_options *to)
{
	store(option, to, option->ioc, llamux_option_load(option, o, option->offset));
}

static int request_number(const struct llamux_option *option, struct llamux_options *o,
			  const struct llamux_request *from)
{
	if (option->in_request)
		store(option, o, option->offset, llamux_option_load(option, from, option->in_call));
	return 0;
}

/* Whole numbers of 32 or 64 bits. */
const struct llamux_kind llamux_kind_number = {
	.parse = parse_number,
	.show = show_number,
	.import = import_number,
	.export = export_number,
	.request = request_number,
};

static int parse_ratio(const struct llamux_option *option, struct llamux_options *o, char *value)
{
	u32 v;
	int err = llama_parse_q16(value, strlen(value), &v);

	if (!err)
		store(option, o, option->offset, v);
	return err;
}

/* Print the fewest decimals that are read as the same number; five are enough for any. */
static void show_ratio(const struct llamux_option *option, const struct llamux_options *o,
		       struct seq_file *m)
{
	u64 v = llamux_option_load(option, o, option->offset);
	u32 unit = 1, digits = 0;
	u64 near;

	for (;; unit *= 10, digits++) {
		near = (v * unit + HALF) >> 16;
		if (digits == 5 || ((near << 16) + unit / 2) / unit == v)
			break;
	}
	seq_printf(m, "%s %u", option->name, (u32)near / unit);
	if (digits)
		seq_printf(m, ".%0*u", digits, (u32)near % unit);
	seq_putc(m, '\n');
}

/* Q16 in memory, a decimal fraction in text. */
const struct llamux_kind llamux_kind_ratio = {
	.parse = parse_ratio,
	.show = show_ratio,
	.import = import_number,
	.export = export_number,
	.request = request_number,
};

/*
 * Undo the escapes \n and \\ in place, with which one line holds a text of several.
 * Return: bytes of the text, or -EINVAL.
 */
static int unescape(char *text)
{
	const char *from = text;
	char *to = text;

	for (; *from; from++) {
		*to = *from;
		if (*from == '\\') {
			from++;
			if (*from != 'n' && *from != '\\')
				return -EINVAL;
			*to = *from == 'n' ? '\n' : '\\';
		}
		to++;
	}
	return to - text;
}

static void show_text(struct seq_file *m, const char *name, const char *text, u32 n)
{
	u32 i;

	seq_printf(m, "%s ", name);
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

static bool is_text(const char *text, size_t n)
{
	size_t tail;

	return !memchr(text, 0, n) && !llama_utf8_check(text, n, &tail) && !tail;
}

static int parse_system(const struct llamux_option *option, struct llamux_options *o, char *value)
{
	int n = unescape(value);

	return n < 0 || n > LLAMUX_MAX_SYSTEM ? -EINVAL : llamux_options_set_system(o, value, n);
}

static void show_system(const struct llamux_option *option, const struct llamux_options *o,
			struct seq_file *m)
{
	if (o->o.system.data)
		show_text(m, option->name, o->o.system.data, o->o.system.len);
}

static int import_system(const struct llamux_option *option, struct llamux_options *o,
			 const struct llamux_ioc_options *from, struct llama_diag *diag)
{
	if (from->n_system == LLAMUX_OWN_SYSTEM)
		return 0;
	if (from->n_system > LLAMUX_SYSTEM_BYTES)
		return -EINVAL;
	if (!is_text(from->system, from->n_system))
		return -EILSEQ;
	return llamux_options_set_system(o, from->system, from->n_system);
}

static void export_system(const struct llamux_option *option, const struct llamux_options *o,
			  struct llamux_ioc_options *to)
{
	to->n_system = o->o.system.data ? o->o.system.len : LLAMUX_OWN_SYSTEM;
	if (o->o.system.data)
		memcpy(to->system, o->o.system.data, o->o.system.len);
}

static int request_system(const struct llamux_option *option, struct llamux_options *o,
			  const struct llamux_request *from)
{
	size_t n;

	if (!from->system)
		return 0;
	n = strlen(from->system);
	if (n >= LLAMUX_MAX_SYSTEM)
		return -EMSGSIZE;
	return is_text(from->system, n) ? llamux_options_set_system(o, from->system, n) : -EILSEQ;
}

const struct llamux_kind llamux_kind_system = {
	.parse = parse_system,
	.show = show_system,
	.import = import_system,
	.export = export_system,
	.request = request_system,
};

/* Add a text; an empty value removes all. */
static int parse_stop(const struct llamux_option *option, struct llamux_options *o, char *value)
{
	struct llama_stops *stops = &o->o.stops;
	int n;

	if (!*value) {
		memset(stops, 0, sizeof(*stops));
		return 0;
	}
	n = unescape(value);
	if (n < 0 || n > LLAMA_STOP_BYTES || stops->n == LLAMA_MAX_STOPS)
		return -EINVAL;
	memcpy(stops->text[stops->n], value, n);
	stops->len[stops->n++] = n;
	return 0;
}

static void show_stops(const struct llamux_option *option, const struct llamux_options *o,
		       struct seq_file *m)
{
	const struct llama_stops *stops = &o->o.stops;
	u32 i;

	for (i = 0; i < stops->n; i++)
		show_text(m, option->name, stops->text[i], stops->len[i]);
}

static int import_stops(const struct llamux_option *option, struct llamux_options *o,
			const struct llamux_ioc_options *from, struct llama_diag *diag)
{
	struct llama_stops *stops = &o->o.stops;
	u32 i;

	if (from->n_stops > LLAMUX_STOPS)
		return -EINVAL;
	for (i = 0; i < from->n_stops; i++) {
		if (from->stop_bytes[i] > LLAMUX_STOP_BYTES)
			return -EINVAL;
		if (!from->stop_bytes[i])
			return llama_fail(diag, -EINVAL, "a stop text has from 1 to %u bytes",
					  LLAMUX_STOP_BYTES);
		if (!is_text(from->stops[i], from->stop_bytes[i]))
			return -EILSEQ;
	}
	stops->n = from->n_stops;
	memcpy(stops->len, from->stop_bytes, sizeof(stops->len));
	memcpy(stops->text, from->stops, sizeof(stops->text));
	return 0;
}

static void export_stops(const struct llamux_option *option, const struct llamux_options *o,
			 struct llamux_ioc_options *to)
{
	const struct llama_stops *stops = &o->o.stops;

	to->n_stops = stops->n;
	memcpy(to->stop_bytes, stops->len, sizeof(to->stop_bytes));
	memcpy(to->stops, stops->text, sizeof(to->stops));
}

const struct llamux_kind llamux_kind_stops = {
	.parse = parse_stop,
	.show = show_stops,
	.import = import_stops,
	.export = export_stops,
};

static int parse_template(const struct llamux_option *option, struct llamux_options *o, char *value)
{
	int t = LLAMA_TEMPLATE_AUTO;

	if (strcmp(value, "auto")) {
		t = llama_chat_by_name(value);
		if (t < 0)
			return t;
	}
	o->o.chat = t;
	return 0;
}

static void show_template(const struct llamux_option *option, const struct llamux_options *o,
			  struct seq_file *m)
{
	int t = o->o.chat;

	seq_printf(m, "%s %s\n", option->name,
		   t == LLAMA_TEMPLATE_AUTO ? "auto" : llama_chat_name(t));
}

static int import_template(const struct llamux_option *option, struct llamux_options *o,
			   const struct llamux_ioc_options *from, struct llama_diag *diag)
{
	if (from->chat_template < LLAMUX_TEMPLATE_AUTO || from->chat_template > LLAMA_CHAT_LLAMA3)
		return -EINVAL;
	o->o.chat = from->chat_template;
	return 0;
}

static void export_template(const struct llamux_option *option, const struct llamux_options *o,
			    struct llamux_ioc_options *to)
{
	to->chat_template = o->o.chat;
}

static int request_template(const struct llamux_option *option, struct llamux_options *o,
			    const struct llamux_request *from)
{
	if (from->raw)
		o->o.chat = LLAMA_CHAT_NONE;
	return 0;
}

const struct llamux_kind llamux_kind_template = {
	.parse = parse_template,
	.show = show_template,
	.import = import_template,
	.export = export_template,
	.request = request_template,
};

/* Return: 0, or -ENOENT if no model has that name. */
static int set_model(struct llamux_options *o, const char *name)
{
	struct llamux_model *model = llamux_registry_get(name);

	llamux_registry_put(model);
	return model && strscpy(o->model, name, sizeof(o->model)) >= 0 ? 0 : -ENOENT;
}

static int parse_model(const struct llamux_option *option, struct llamux_options *o, char *value)
{
	return set_model(o, value) ? -EINVAL : 0;
}

static void show_model(const struct llamux_option *option, const struct llamux_options *o,
		       struct seq_file *m)
{
	if (*o->model)
		seq_printf(m, "%s %s\n", option->name, o->model);
}

static int import_model(const struct llamux_option *option, struct llamux_options *o,
			const struct llamux_ioc_options *from, struct llama_diag *diag)
{
	if (strnlen(from->model, sizeof(from->model)) == sizeof(from->model))
		return llama_fail(diag, -EINVAL, "the model's name is too long");
	if (set_model(o, from->model))
		return llama_fail(diag, -EINVAL, "there is no model of that name");
	return 0;
}

static void export_model(const struct llamux_option *option, const struct llamux_options *o,
			 struct llamux_ioc_options *to)
{
	strscpy(to->model, o->model, sizeof(to->model));
}

static int request_model(const struct llamux_option *option, struct llamux_options *o,
			 const struct llamux_request *from)
{
	return set_model(o, from->model ? from->model : "");
}

const struct llamux_kind llamux_kind_model = {
	.parse = parse_model,
	.show = show_model,
	.import = import_model,
	.export = export_model,
	.request = request_model,
};

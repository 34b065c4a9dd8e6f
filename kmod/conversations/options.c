// SPDX-License-Identifier: GPL-2.0
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/stringify.h>

#include "include/llamux.h"
#include "include/uapi/llamux.h"
#include "resources/log.h"
#include "options.h"
#include "models/registry.h"

static_assert(LLAMUX_MODEL_BYTES == LLAMUX_KEY);
static_assert(LLAMUX_SYSTEM_BYTES == LLAMUX_MAX_SYSTEM);
static_assert(LLAMUX_STOPS == LLAMA_MAX_STOPS);
static_assert(LLAMUX_STOP_BYTES == LLAMA_STOP_BYTES);
static_assert(LLAMUX_TEMPLATE_AUTO == LLAMA_TEMPLATE_AUTO);

#define ONE (1u << 16)	/* of a ratio, Q16 */

struct option;

/**
 * struct kind - Type of values: how each interface reads and writes them.
 * @parse:   Read text, which it may overwrite. Return 0, -EINVAL or -ENOMEM.
 * @show:    Print a line, or none for a value that is not set.
 * @import:  Read the structure of an ioctl. Return 0; -EINVAL, perhaps with a message; -EILSEQ;
 *   -ENOMEM.
 * @export:  Write to the structure of an ioctl, which is all zeros.
 * @request: Read another module's request; NULL if requests have no such values.
 */
struct kind {
	int (*parse)(const struct option *option, struct llamux_options *o, char *value);
	void (*show)(const struct option *option, const struct llamux_options *o,
		     struct seq_file *m);
	int (*import)(const struct option *option, struct llamux_options *o,
		      const struct llamux_ioc_options *from, struct llama_diag *diag);
	void (*export)(const struct option *option, const struct llamux_options *o,
		       struct llamux_ioc_options *to);
	int (*request)(const struct option *option, struct llamux_options *o,
		       const struct llamux_request *from);
};

/**
 * struct option - Description of one option.
 * @name:       Name in /proc/llamux/options and in messages.
 * @kind:       Type of the value.
 * @size:       Bytes of a number, 4 or 8; the same in all structures. 0 for other kinds.
 * @offset:     Place of a number in struct llamux_options.
 * @ioc:        Place of a number in struct llamux_ioc_options.
 * @in_request: struct llamux_request has the number, at @in_call.
 * @in_call:    Place there.
 * @least:      Smallest number.
 * @most:       Largest number.
 * @range:      Both in words, which follow "NAME must be "; NULL if every number is right.
 */
struct option {
	const char *name;
	const struct kind *kind;
	u16 size;
	u16 offset;
	u16 ioc;
	bool in_request;
	u16 in_call;
	u64 least;
	u64 most;
	const char *range;
};

static u64 load(const struct option *option, const void *structure, u16 offset)
{
	const void *p = structure + offset;

	return option->size == sizeof(u64) ? *(const u64 *)p : *(const u32 *)p;
}

static void store(const struct option *option, void *structure, u16 offset, u64 v)
{
	void *p = structure + offset;

	if (option->size == sizeof(u64))
		*(u64 *)p = v;
	else
		*(u32 *)p = v;
}

static int parse_number(const struct option *option, struct llamux_options *o, char *value)
{
	u64 v;

	if (kstrtou64(value, 10, &v) || (option->size == sizeof(u32) && v > U32_MAX))
		return -EINVAL;
	store(option, o, option->offset, v);
	return 0;
}

static void show_number(const struct option *option, const struct llamux_options *o,
			struct seq_file *m)
{
	seq_printf(m, "%s %llu\n", option->name, load(option, o, option->offset));
}

static int import_number(const struct option *option, struct llamux_options *o,
			 const struct llamux_ioc_options *from, struct llama_diag *diag)
{
	store(option, o, option->offset, load(option, from, option->ioc));
	return 0;
}

static void export_number(const struct option *option, const struct llamux_options *o,
			  struct llamux_ioc_options *to)
{
	store(option, to, option->ioc, load(option, o, option->offset));
}

static int request_number(const struct option *option, struct llamux_options *o,
			  const struct llamux_request *from)
{
	if (option->in_request)
		store(option, o, option->offset, load(option, from, option->in_call));
	return 0;
}

/* Whole numbers of 32 or 64 bits. */
static const struct kind number = {
	.parse = parse_number,
	.show = show_number,
	.import = import_number,
	.export = export_number,
	.request = request_number,
};

static int parse_ratio(const struct option *option, struct llamux_options *o, char *value)
{
	u32 v;
	int err = llama_parse_q16(value, strlen(value), &v);

	if (!err)
		store(option, o, option->offset, v);
	return err;
}

/* Print the fewest decimals that are read as the same number; five are enough for any. */
static void show_ratio(const struct option *option, const struct llamux_options *o,
		       struct seq_file *m)
{
	u64 v = load(option, o, option->offset);
	u32 unit = 1, digits = 0;
	u64 near;

	for (;; unit *= 10, digits++) {
		near = (v * unit + ONE / 2) >> 16;
		if (digits == 5 || ((near << 16) + unit / 2) / unit == v)
			break;
	}
	seq_printf(m, "%s %u", option->name, (u32)near / unit);
	if (digits)
		seq_printf(m, ".%0*u", digits, (u32)near % unit);
	seq_putc(m, '\n');
}

/* Q16 in memory, a decimal fraction in text. */
static const struct kind ratio = {
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

/* Replace the system prompt by a copy of the text. */
static int set_system(struct llamux_options *o, const char *text, u32 n)
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

static int parse_system(const struct option *option, struct llamux_options *o, char *value)
{
	int n = unescape(value);

	return n < 0 || n > LLAMUX_MAX_SYSTEM ? -EINVAL : set_system(o, value, n);
}

static void show_system(const struct option *option, const struct llamux_options *o,
			struct seq_file *m)
{
	if (o->o.system.data)
		show_text(m, option->name, o->o.system.data, o->o.system.len);
}

static int import_system(const struct option *option, struct llamux_options *o,
			 const struct llamux_ioc_options *from, struct llama_diag *diag)
{
	if (from->n_system == LLAMUX_OWN_SYSTEM)
		return 0;
	if (from->n_system > LLAMUX_SYSTEM_BYTES)
		return -EINVAL;
	if (!is_text(from->system, from->n_system))
		return -EILSEQ;
	return set_system(o, from->system, from->n_system);
}

static void export_system(const struct option *option, const struct llamux_options *o,
			  struct llamux_ioc_options *to)
{
	to->n_system = o->o.system.data ? o->o.system.len : LLAMUX_OWN_SYSTEM;
	if (o->o.system.data)
		memcpy(to->system, o->o.system.data, o->o.system.len);
}

static int request_system(const struct option *option, struct llamux_options *o,
			  const struct llamux_request *from)
{
	size_t n;

	if (!from->system)
		return 0;
	n = strlen(from->system);
	if (n >= LLAMUX_MAX_SYSTEM)
		return -EMSGSIZE;
	return is_text(from->system, n) ? set_system(o, from->system, n) : -EILSEQ;
}

static const struct kind system_prompt = {
	.parse = parse_system,
	.show = show_system,
	.import = import_system,
	.export = export_system,
	.request = request_system,
};

/* Add a text; an empty value removes all. */
static int parse_stop(const struct option *option, struct llamux_options *o, char *value)
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

static void show_stops(const struct option *option, const struct llamux_options *o,
		       struct seq_file *m)
{
	const struct llama_stops *stops = &o->o.stops;
	u32 i;

	for (i = 0; i < stops->n; i++)
		show_text(m, option->name, stops->text[i], stops->len[i]);
}

static int import_stops(const struct option *option, struct llamux_options *o,
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

static void export_stops(const struct option *option, const struct llamux_options *o,
			 struct llamux_ioc_options *to)
{
	const struct llama_stops *stops = &o->o.stops;

	to->n_stops = stops->n;
	memcpy(to->stop_bytes, stops->len, sizeof(to->stop_bytes));
	memcpy(to->stops, stops->text, sizeof(to->stops));
}

static const struct kind stop_texts = {
	.parse = parse_stop,
	.show = show_stops,
	.import = import_stops,
	.export = export_stops,
};

static int parse_template(const struct option *option, struct llamux_options *o, char *value)
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

static void show_template(const struct option *option, const struct llamux_options *o,
			  struct seq_file *m)
{
	int t = o->o.chat;

	seq_printf(m, "%s %s\n", option->name,
		   t == LLAMA_TEMPLATE_AUTO ? "auto" : llama_chat_name(t));
}

static int import_template(const struct option *option, struct llamux_options *o,
			   const struct llamux_ioc_options *from, struct llama_diag *diag)
{
	if (from->chat_template < LLAMUX_TEMPLATE_AUTO || from->chat_template > LLAMA_CHAT_LLAMA3)
		return -EINVAL;
	o->o.chat = from->chat_template;
	return 0;
}

static void export_template(const struct option *option, const struct llamux_options *o,
			    struct llamux_ioc_options *to)
{
	to->chat_template = o->o.chat;
}

static int request_template(const struct option *option, struct llamux_options *o,
			    const struct llamux_request *from)
{
	if (from->raw)
		o->o.chat = LLAMA_CHAT_NONE;
	return 0;
}

static const struct kind chat_template = {
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

static int parse_model(const struct option *option, struct llamux_options *o, char *value)
{
	return set_model(o, value) ? -EINVAL : 0;
}

static void show_model(const struct option *option, const struct llamux_options *o,
		       struct seq_file *m)
{
	if (*o->model)
		seq_printf(m, "%s %s\n", option->name, o->model);
}

static int import_model(const struct option *option, struct llamux_options *o,
			const struct llamux_ioc_options *from, struct llama_diag *diag)
{
	if (strnlen(from->model, sizeof(from->model)) == sizeof(from->model))
		return llama_fail(diag, -EINVAL, "the model's name is too long");
	if (set_model(o, from->model))
		return llama_fail(diag, -EINVAL, "there is no model of that name");
	return 0;
}

static void export_model(const struct option *option, const struct llamux_options *o,
			 struct llamux_ioc_options *to)
{
	strscpy(to->model, o->model, sizeof(to->model));
}

static int request_model(const struct option *option, struct llamux_options *o,
			 const struct llamux_request *from)
{
	return set_model(o, from->model ? from->model : "");
}

static const struct kind model_name = {
	.parse = parse_model,
	.show = show_model,
	.import = import_model,
	.export = export_model,
	.request = request_model,
};

#define SAME_SIZE(member, structure, other) \
	BUILD_BUG_ON_ZERO(sizeof_field(struct llamux_options, member) != \
			  sizeof_field(structure, other))

/* A number: the field of struct llamux_options, and of the ioctl's structure. */
#define NUMBER(member, field) \
	.size = sizeof_field(struct llamux_options, member), \
	.offset = offsetof(struct llamux_options, member), \
	.ioc = offsetof(struct llamux_ioc_options, field) + \
	       SAME_SIZE(member, struct llamux_ioc_options, field)

/* The same, which struct llamux_request has a field of that name for, too. */
#define CALL_NUMBER(member, field) \
	NUMBER(member, field), \
	.in_request = true, \
	.in_call = offsetof(struct llamux_request, field) + \
		   SAME_SIZE(member, struct llamux_request, field)

#define RANGE(from, to, words) .least = from, .most = to, .range = words

/*
 * Options in the order in which they are shown and imported. LLAMA_OPTIONS_DEFAULT has their
 * defaults.
 */
static const struct option options[] = {
	{ "temperature", &ratio, CALL_NUMBER(o.sampler.temperature, temperature),
	  RANGE(0, 16 * ONE, "from 0 to 16") },
	{ "top_k", &number, CALL_NUMBER(o.sampler.top_k, top_k) },
	{ "top_p", &ratio, CALL_NUMBER(o.sampler.top_p, top_p),
	  RANGE(1, ONE, "above 0 and at most 1") },
	{ "min_p", &ratio, CALL_NUMBER(o.sampler.min_p, min_p),
	  RANGE(0, ONE, "from 0 to 1") },
	{ "repeat_penalty", &ratio, CALL_NUMBER(o.sampler.repeat_penalty, repeat_penalty),
	  RANGE(ONE / 2, 16 * ONE, "from 0.5 to 16") },
	{ "seed", &number, CALL_NUMBER(o.sampler.seed, seed) },
	{ "max_tokens", &number, CALL_NUMBER(o.max_tokens, max_tokens),
	  RANGE(1, U32_MAX, "at least 1") },
	{ "speculate", &number, NUMBER(o.speculate, speculate),
	  RANGE(0, LLAMA_MAX_DRAFT, "from 0 to " __stringify(LLAMA_MAX_DRAFT)) },
	{ "template", &chat_template },
	{ "model", &model_name },
	{ "stop", &stop_texts },
	{ "system", &system_prompt },
};

#define for_each_option(option) \
	for (option = options; option < options + ARRAY_SIZE(options); option++)

/* Return: 0, or -EINVAL with @diag. */
static int check(const struct llamux_options *o, struct llama_diag *diag)
{
	const struct option *option;
	u64 v;

	for_each_option(option) {
		if (!option->range)
			continue;
		v = load(option, o, option->offset);
		if (v < option->least || v > option->most)
			return llama_fail(diag, -EINVAL, "%s must be %s", option->name,
					  option->range);
	}
	return 0;
}

static void log_refusal(const struct llama_diag *diag)
{
	if (diag->text[0])
		pr_info_ratelimited("options: %s\n", diag->text);
}

int llamux_options_check(const struct llamux_options *o)
{
	struct llama_diag diag = { };
	int err = check(o, &diag);

	log_refusal(&diag);
	return err;
}

int llamux_options_parse(struct llamux_options *o, const char *name, char *value)
{
	const struct option *option;

	for_each_option(option)
		if (!strcmp(name, option->name))
			return option->kind->parse(option, o, value);
	return -ENOENT;
}

void llamux_options_show(const struct llamux_options *o, struct seq_file *m)
{
	const struct option *option;

	for_each_option(option)
		option->kind->show(option, o, m);
}

static int import(struct llamux_options *o, const struct llamux_ioc_options *from,
		  struct llama_diag *diag)
{
	const struct option *option;
	int err;

	if (from->reserved || memchr_inv(from->room, 0, sizeof(from->room)))
		return -EINVAL;
	for_each_option(option) {
		err = option->kind->import(option, o, from, diag);
		if (err)
			return err;
	}
	return check(o, diag);
}

int llamux_options_import(struct llamux_options *o, const struct llamux_ioc_options *from)
{
	struct llama_diag diag = { };
	int err = import(o, from, &diag);

	log_refusal(&diag);
	return err;
}

void llamux_options_export(const struct llamux_options *o, struct llamux_ioc_options *to)
{
	const struct option *option;

	memset(to, 0, sizeof(*to));
	for_each_option(option)
		option->kind->export(option, o, to);
}

int llamux_options_request(struct llamux_options *o, const struct llamux_request *from)
{
	const struct option *option;
	int err;

	for_each_option(option) {
		err = option->kind->request ? option->kind->request(option, o, from) : 0;
		if (err)
			return err;
	}
	return llamux_options_check(o);
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
	if (!from->o.system.data || !set_system(o, from->o.system.data, from->o.system.len))
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

// SPDX-License-Identifier: GPL-2.0
/* The table of options, and what each interface does with all of them. */
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/stringify.h>

#include "include/llamux.h"
#include "include/uapi/llamux.h"
#include "option_kind.h"
#include "resources/log.h"

#define ONE (1u << 16)	/* of a ratio, Q16 */

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
static const struct llamux_option options[] = {
	{ "temperature", &llamux_kind_ratio, CALL_NUMBER(o.sampler.temperature, temperature),
	  RANGE(0, 16 * ONE, "from 0 to 16") },
	{ "top_k", &llamux_kind_number, CALL_NUMBER(o.sampler.top_k, top_k) },
	{ "top_p", &llamux_kind_ratio, CALL_NUMBER(o.sampler.top_p, top_p),
	  RANGE(1, ONE, "above 0 and at most 1") },
	{ "min_p", &llamux_kind_ratio, CALL_NUMBER(o.sampler.min_p, min_p),
	  RANGE(0, ONE, "from 0 to 1") },
	{ "repeat_penalty", &llamux_kind_ratio, CALL_NUMBER(o.sampler.repeat_penalty, repeat_penalty),
	  RANGE(ONE / 2, 16 * ONE, "from 0.5 to 16") },
	{ "seed", &llamux_kind_number, CALL_NUMBER(o.sampler.seed, seed) },
	{ "max_tokens", &llamux_kind_number, CALL_NUMBER(o.max_tokens, max_tokens),
	  RANGE(1, U32_MAX, "at least 1") },
	{ "speculate", &llamux_kind_number, NUMBER(o.speculate, speculate),
	  RANGE(0, LLAMA_MAX_DRAFT, "from 0 to " __stringify(LLAMA_MAX_DRAFT)) },
	{ "template", &llamux_kind_template },
	{ "model", &llamux_kind_model },
	{ "stop", &llamux_kind_stops },
	{ "system", &llamux_kind_system },
};

#define for_each_option(option) \
	for (option = options; option < options + ARRAY_SIZE(options); option++)

/* Return: 0, or -EINVAL with @diag. */
static int check(const struct llamux_options *o, struct llama_diag *diag)
{
	const struct llamux_option *option;
	u64 v;

	for_each_option(option) {
		if (!option->range)
			continue;
		v = llamux_option_load(option, o, option->offset);
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
	const struct llamux_option *option;

	for_each_option(option)
		if (!strcmp(name, option->name))
			return option->kind->parse(option, o, value);
	return -ENOENT;
}

void llamux_options_show(const struct llamux_options *o, struct seq_file *m)
{
	const struct llamux_option *option;

	for_each_option(option)
		option->kind->show(option, o, m);
}

static int import(struct llamux_options *o, const struct llamux_ioc_options *from,
		  struct llama_diag *diag)
{
	const struct llamux_option *option;
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
	const struct llamux_option *option;

	memset(to, 0, sizeof(*to));
	for_each_option(option)
		option->kind->export(option, o, to);
}

int llamux_options_request(struct llamux_options *o, const struct llamux_request *from)
{
	const struct llamux_option *option;
	int err;

	for_each_option(option) {
		err = option->kind->request ? option->kind->request(option, o, from) : 0;
		if (err)
			return err;
	}
	return llamux_options_check(o);
}

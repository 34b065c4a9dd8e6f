/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Kinds of options
 *
 * A kind is a type of values. It has one function for each interface that reads or writes
 * options: text of /proc/llamux/options, the structure of an ioctl, another module's request.
 */
#ifndef LLAMUX_OPTION_KIND_H
#define LLAMUX_OPTION_KIND_H

#include "options.h"

struct llamux_option;

/**
 * struct llamux_kind - Type of values: how each interface reads and writes them.
 * @parse:   Read text, which it may overwrite. Return 0, -EINVAL or -ENOMEM.
 * @show:    Print a line, or none for a value that is not set.
 * @import:  Read the structure of an ioctl. Return 0; -EINVAL, perhaps with a message; -EILSEQ;
 *   -ENOMEM.
 * @export:  Write to the structure of an ioctl, which is all zeros.
 * @request: Read another module's request; NULL if requests have no such values.
 */
struct llamux_kind {
	int (*parse)(const struct llamux_option *option, struct llamux_options *o, char *value);
	void (*show)(const struct llamux_option *option, const struct llamux_options *o,
		     struct seq_file *m);
	int (*import)(const struct llamux_option *option, struct llamux_options *o,
		      const struct llamux_ioc_options *from, struct llama_diag *diag);
	void (*export)(const struct llamux_option *option, const struct llamux_options *o,
		       struct llamux_ioc_options *to);
	int (*request)(const struct llamux_option *option, struct llamux_options *o,
		       const struct llamux_request *from);
};

/**
 * struct llamux_option - Description of one option.
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
struct llamux_option {
	const char *name;
	const struct llamux_kind *kind;
	u16 size;
	u16 offset;
	u16 ioc;
	bool in_request;
	u16 in_call;
	u64 least;
	u64 most;
	const char *range;
};

extern const struct llamux_kind llamux_kind_number;	/* whole number of 32 or 64 bits */
extern const struct llamux_kind llamux_kind_ratio;	/* Q16 in memory, decimal fraction in text */
extern const struct llamux_kind llamux_kind_template;
extern const struct llamux_kind llamux_kind_model;
extern const struct llamux_kind llamux_kind_stops;
extern const struct llamux_kind llamux_kind_system;

/** llamux_option_load() - Return: a number at an offset of a structure. */
u64 llamux_option_load(const struct llamux_option *option, const void *structure, u16 offset);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Options of an answer
 *
 * A set of options is a snapshot: it is counted, and nobody changes it once others can see it.
 * To change options is to prepare a new snapshot from the old one and to publish it, so that an
 * answer in the making keeps the options that it began with.
 *
 * option_table.c has a row for each option. /proc/llamux/options, the ioctls and the
 * interface for other modules all read and write options through that table.
 */
#ifndef LLAMUX_OPTIONS_H
#define LLAMUX_OPTIONS_H

#include <linux/kref.h>
#include <linux/spinlock.h>

#include "llama_core.h"
#include "models/model.h"

#define LLAMUX_MAX_SYSTEM 4096	/* bytes of a system prompt */

struct llamux_ioc_options;
struct llamux_request;
struct seq_file;

/**
 * struct llamux_options - Snapshot of all options, read-only once it is published.
 * @ref:   Number of holders.
 * @o:     Options of the core. The snapshot owns the memory of the system prompt.
 * @model: Name of the model; "" for the default one.
 */
struct llamux_options {
	struct kref ref;
	struct llama_options o;
	char model[LLAMUX_KEY];
};

/**
 * struct llamux_options_holder - Holder of the latest snapshot.
 * @lock:   Guards @latest. No other lock is taken while it is held.
 * @latest: Latest snapshot; never NULL.
 */
struct llamux_options_holder {
	spinlock_t lock;
	const struct llamux_options *latest;
};

/**
 * llamux_options_prepare() - Make a snapshot that the caller may change until it is published.
 * @from: Snapshot to copy; NULL for the defaults.
 *
 * Context: Process context. Sleeps.
 * Return: a snapshot for llamux_options_put(), or NULL without memory.
 */
struct llamux_options *llamux_options_prepare(const struct llamux_options *from);

/**
 * llamux_options_set_system() - Set the system prompt.
 * @o:    Prepared.
 * @text: (n,) bytes of UTF-8, which are copied.
 * @n:    Number of bytes.
 * Return: 0 or -ENOMEM.
 */
int llamux_options_set_system(struct llamux_options *o, const char *text, u32 n);

/** llamux_options_get() - Hold a snapshot once more. Return: @o. */
const struct llamux_options *llamux_options_get(const struct llamux_options *o);

/** llamux_options_put() - Release a snapshot; the last holder frees and zeroes it. NULL is fine. */
void llamux_options_put(const struct llamux_options *o);

/** llamux_options_init() - Put the defaults into a new holder. Cannot fail. */
void llamux_options_init(struct llamux_options_holder *holder);

/** llamux_options_latest() - Hold the latest snapshot. Return: it, for llamux_options_put(). */
const struct llamux_options *llamux_options_latest(struct llamux_options_holder *holder);

/**
 * llamux_options_publish() - Replace the latest snapshot.
 * @holder: Releases the snapshot that it held.
 * @o:    Checked. The holder keeps it from now on; the caller keeps its own reference.
 */
void llamux_options_publish(struct llamux_options_holder *holder, const struct llamux_options *o);

/** llamux_options_exit() - Release the snapshot. Nobody uses the holder any more. */
void llamux_options_exit(struct llamux_options_holder *holder);

/**
 * llamux_options_check() - Check that each number is within its range.
 * @o: Prepared.
 * Return: 0, or -EINVAL with a line in the log that names the option and its range.
 */
int llamux_options_check(const struct llamux_options *o);

/**
 * llamux_options_parse() - Set one option from text, as /proc/llamux/options has it.
 * @o:     Prepared. llamux_options_check() has to follow.
 * @name:  Name of the option.
 * @value: Text of its value, NUL-terminated UTF-8. Overwritten.
 * Return: 0; -ENOENT if there is no such option; -EINVAL for a value that cannot be read or a
 * model that is not loaded; -ENOMEM.
 */
int llamux_options_parse(struct llamux_options *o, const char *name, char *value);

/**
 * llamux_options_show() - Print all options as lines that llamux_options_parse() takes.
 * @o: Snapshot.
 * @m: Receives at most 4 * LLAMUX_MAX_SYSTEM bytes.
 */
void llamux_options_show(const struct llamux_options *o, struct seq_file *m);

/**
 * llamux_options_import() - Set all options from the structure of an ioctl.
 * @o:    Prepared from the defaults.
 * @from: In kernel memory; any bytes.
 * Return: 0; -EILSEQ for a text that is not UTF-8 or has a NUL; -ENOMEM; -EINVAL for a wrong
 * value. If the value is a number out of its range, a model that is not loaded or an empty stop
 * text, a line in the log says so.
 */
int llamux_options_import(struct llamux_options *o, const struct llamux_ioc_options *from);

/** llamux_options_export() - Write all options to the structure of an ioctl, all bytes of it. */
void llamux_options_export(const struct llamux_options *o, struct llamux_ioc_options *to);

/**
 * llamux_options_request() - Set the options that another module's request has fields for.
 * @o:    Prepared from the defaults.
 * @from: Request.
 * Return: 0; -ENOENT if no model has that name; -EMSGSIZE or -EILSEQ for a bad system prompt;
 * -ENOMEM; -EINVAL for a number out of its range, with a line in the log.
 */
int llamux_options_request(struct llamux_options *o, const struct llamux_request *from);

#endif

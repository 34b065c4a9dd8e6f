/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The files of /proc/llamux
 *
 * Programs use the module through these files. docs/procfs-abi.md describes what each takes
 * and gives. The files move bytes between programs and the rest of the module, and compute
 * nothing.
 */
#ifndef LLAMUX_PROCFS_H
#define LLAMUX_PROCFS_H

#include <linux/proc_fs.h>

#include "conversations/reader.h"

extern const struct proc_ops llamux_prompt_ops;
extern const struct proc_ops llamux_chat_ops;
extern const struct proc_ops llamux_options_ops;
extern const struct proc_ops llamux_models_ops;
extern const struct proc_ops llamux_control_ops;
extern const struct proc_ops llamux_logits_ops;
extern const struct proc_ops llamux_status_ops;
extern const struct proc_ops llamux_stats_ops;

struct file;

/** llamux_ioctl() - Serve an ioctl of prompt or chat: include/uapi/llamux.h. */
long llamux_ioctl(struct file *file, unsigned int command, unsigned long argument);

/** llamux_compat_ioctl() - Serve an ioctl of a 32-bit program, whose pointers are widened. */
long llamux_compat_ioctl(struct file *file, unsigned int command, unsigned long argument);

/** llamux_procfs_open() - Open a conversation for the calling task: as llamux_reader_open(). */
int llamux_procfs_open(struct llamux_reader *r, enum llamux_kind kind, bool private);

/**
 * llamux_procfs_start() - Create the files.
 * @group: Number of the group that may use them beside root.
 * Return: 0, -EINVAL if that is no group's number, or -ENOMEM.
 */
int llamux_procfs_start(u32 group);

/** llamux_procfs_stop() - Remove the files, and wait for tasks within their functions. */
void llamux_procfs_stop(void);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The files of /proc/llamux
 *
 * Programs use the module through these files. docs/procfs-abi.md describes each file. The
 * code here moves bytes between programs and the rest of the module, and computes nothing.
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

/**
 * llamux_ioctl() - Execute an ioctl of prompt or chat, as include/uapi/llamux.h describes.
 * @file:     Open file; its private_data is a reader.
 * @command:  Number of the command, with the size of the program's structure.
 * @argument: Address of that structure.
 * Return: 0; -ENOTTY for an unknown command; -EFAULT, -EINVAL, -E2BIG, -EILSEQ or -ENOMEM.
 */
long llamux_ioctl(struct file *file, unsigned int command, unsigned long argument);

/** llamux_compat_ioctl() - Execute an ioctl of a 32-bit program: as llamux_ioctl(). */
long llamux_compat_ioctl(struct file *file, unsigned int command, unsigned long argument);

/** llamux_procfs_open() - Open a conversation of the calling task: as llamux_reader_open(). */
int llamux_procfs_open(struct llamux_reader *r, enum llamux_kind kind, bool private);

/**
 * llamux_procfs_start() - Create the files.
 * @group: Number of the group that may use the files, in addition to root.
 * Return: 0; -EINVAL if that is not a valid group number, which the log says; or -ENOMEM.
 */
int llamux_procfs_start(u32 group);

/** llamux_procfs_stop() - Remove the files and wait until no task runs their functions. */
void llamux_procfs_stop(void);

#endif

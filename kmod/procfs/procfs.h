/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: The files of /proc/llamux
 *
 * These move bytes between userspace and the engine and compute nothing.
 * docs/procfs-abi.md says what each takes and gives.
 */
#ifndef LLAMUX_PROCFS_H
#define LLAMUX_PROCFS_H

#include <linux/proc_fs.h>

extern const struct proc_ops llamux_prompt_ops;
extern const struct proc_ops llamux_chat_ops;
extern const struct proc_ops llamux_options_ops;
extern const struct proc_ops llamux_models_ops;
extern const struct proc_ops llamux_control_ops;
extern const struct proc_ops llamux_logits_ops;
extern const struct proc_ops llamux_status_ops;
extern const struct proc_ops llamux_stats_ops;

struct file;

/** llamux_ioctl() - Of an open conversation: include/uapi/llamux.h. */
long llamux_ioctl(struct file *file, unsigned int command, unsigned long argument);

/** llamux_compat_ioctl() - The same for 32-bit programs, whose pointers have to be widened. */
long llamux_compat_ioctl(struct file *file, unsigned int command, unsigned long argument);

/**
 * llamux_procfs_start() - Make the files.
 * @group: Number of the group that may use them beside root.
 * Return: 0, -EINVAL for no such group, or -ENOMEM.
 */
int llamux_procfs_start(u32 group);

/** llamux_procfs_stop() - Remove them, and wait for whoever is within one. */
void llamux_procfs_stop(void);

#endif

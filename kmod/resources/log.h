/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Messages in the kernel log
 *
 * Every message begins with the same mark and name, so that a reader finds them.
 */
#ifndef LLAMUX_LOG_H
#define LLAMUX_LOG_H

#undef pr_fmt
#define pr_fmt(fmt) "🦙 llamux: " fmt
#include <linux/printk.h>

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Raw logits of given tokens, for root
 *
 * What golden tests compare: token ids in, the logits of every position out.
 */
#ifndef LLAMUX_EVALUATION_H
#define LLAMUX_EVALUATION_H

#include <linux/types.h>

struct llamux_evaluation;

/** llamux_evaluation_new() - Return: an evaluation without tokens, or NULL. */
struct llamux_evaluation *llamux_evaluation_new(void);

/** llamux_evaluation_free() - End it. */
void llamux_evaluation_free(struct llamux_evaluation *e);

/**
 * llamux_evaluation_write() - Token ids as text.
 * @e:    Of the open file.
 * @text: Digits, white space, "batch".
 * @n:    Bytes at @text.
 *
 * Decimal numbers apart by white space, over as many writes as it takes; a
 * number must not span two. First of all "batch N" may say how many tokens
 * a pass has (1 to 64, 1 unless said).
 *
 * Return: @n; -EINVAL for anything else or an id that is none; -EMSGSIZE past
 * the context; -EBUSY once logits were read; -EFAULT, -ENOMEM, -ERESTARTSYS.
 */
ssize_t llamux_evaluation_write(struct llamux_evaluation *e, const char __user *text, size_t n);

/**
 * llamux_evaluation_read() - Logits (T, n_vocab), little-endian s32 Q16.16, row by row.
 * @e:   Of the open file; the first read ends its tokens.
 * @buf: (n,) out.
 * @n:   At the most; numbers may be cut anywhere.
 *
 * Return: bytes, 0 at the end; -ENODATA without tokens; -EFAULT, -ENOMEM, -ERESTARTSYS.
 */
ssize_t llamux_evaluation_read(struct llamux_evaluation *e, char __user *buf, size_t n);

#endif

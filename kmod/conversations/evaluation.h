/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Evaluation of given tokens, for root
 *
 * Golden tests compare raw logits. An evaluation takes token ids and gives the logits of every
 * position, without a tokenizer, a template or a sampler.
 */
#ifndef LLAMUX_EVALUATION_H
#define LLAMUX_EVALUATION_H

#include <linux/types.h>

struct llamux_evaluation;

/** llamux_evaluation_new() - Return: an evaluation without tokens, or NULL without memory. */
struct llamux_evaluation *llamux_evaluation_new(void);

/** llamux_evaluation_free() - Free an evaluation. */
void llamux_evaluation_free(struct llamux_evaluation *e);

/**
 * llamux_evaluation_write() - Add tokens.
 * @e:    Evaluation.
 * @text: (n,) decimal token ids between white space. A number must not span two writes. "batch N"
 *        before the first id sets the tokens of a pass: 1, the default, to 64.
 * @n:    Bytes at @text.
 *
 * Return: @n; -EINVAL for other text or an id that is not in the vocabulary; -EMSGSIZE past the
 * context; -EBUSY after the first read; -EFAULT; -ENOMEM; -ERESTARTSYS.
 */
ssize_t llamux_evaluation_write(struct llamux_evaluation *e, const char __user *text, size_t n);

/**
 * llamux_evaluation_read() - Read logits (T, n_vocab), little-endian s32 Q16.16, row by row.
 * @e:   Evaluation; the first read ends its tokens.
 * @buf: (n,) room.
 * @n:   Bytes at @buf; a number may be split between reads.
 *
 * Return: bytes; 0 at the end; -ENODATA without tokens; -EFAULT; -ENOMEM; -ERESTARTSYS.
 */
ssize_t llamux_evaluation_read(struct llamux_evaluation *e, char __user *buf, size_t n);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Texts at which an answer ends
 *
 * A filter between an answer's bytes and its reader: what may be the beginning
 * of a stop text is held back until it is known.
 */
#ifndef LLAMA_STOP_H
#define LLAMA_STOP_H

#include "base/port.h"

#define LLAMA_MAX_STOPS 4
#define LLAMA_STOP_BYTES 64	/* of each */

/**
 * struct llama_stops - Stop texts, each whole UTF-8.
 * @n:    How many.
 * @len:  (n,) bytes of each, from 1 to LLAMA_STOP_BYTES.
 * @text: (n,)
 */
struct llama_stops {
	u32 n;
	u8 len[LLAMA_MAX_STOPS];
	char text[LLAMA_MAX_STOPS][LLAMA_STOP_BYTES];
};

/**
 * struct llama_stop_filter - What is held back.
 * @stops: Of the answer.
 * @n:     Bytes held.
 * @held:  Them: the beginning of a stop text.
 */
struct llama_stop_filter {
	struct llama_stops stops;
	u32 n;
	char held[LLAMA_STOP_BYTES];
};

/** llama_stop_begin() - For a new answer. Return: 0, or -EINVAL for bad @stops. */
int llama_stop_begin(struct llama_stop_filter *f, const struct llama_stops *stops);

/**
 * llama_stop_push() - @n bytes more of the answer.
 * @f:    Begun for this answer.
 * @text: (n,) valid UTF-8.
 * @n:    May be 0.
 * @out:  Room for @n + LLAMA_STOP_BYTES bytes; may not overlap @text.
 * @done: Set where a stop text is complete: it and what follows is dropped.
 *
 * Return: bytes written.
 */
size_t llama_stop_push(struct llama_stop_filter *f, const char *text, size_t n, char *out,
		       bool *done);

/** llama_stop_end() - The answer is over: what was held back. @out: LLAMA_STOP_BYTES. */
size_t llama_stop_end(struct llama_stop_filter *f, char *out);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Stop texts
 *
 * A stop text ends an answer. The filter between the answer's bytes and its reader
 * holds back bytes that may begin a stop text.
 */
#ifndef LLAMA_STOP_H
#define LLAMA_STOP_H

#include "base/port.h"

#define LLAMA_MAX_STOPS 4
#define LLAMA_STOP_BYTES 64	/* of each */

/**
 * struct llama_stops - Stop texts, each whole UTF-8.
 * @n:    Number of texts.
 * @len:  (n,) bytes of each, from 1 to LLAMA_STOP_BYTES.
 * @text: (n,) texts.
 */
struct llama_stops {
	u32 n;
	u8 len[LLAMA_MAX_STOPS];
	char text[LLAMA_MAX_STOPS][LLAMA_STOP_BYTES];
};

/**
 * struct llama_stop_filter - Filter of stop texts.
 * @stops: Stop texts of the answer.
 * @n:     Number of bytes held back.
 * @held:  Bytes held back, the beginning of a stop text.
 */
struct llama_stop_filter {
	struct llama_stops stops;
	u32 n;
	char held[LLAMA_STOP_BYTES];
};

/** llama_stop_begin() - Begin an answer. Return: 0, or -EINVAL for bad @stops. */
int llama_stop_begin(struct llama_stop_filter *f, const struct llama_stops *stops);

/**
 * llama_stop_push() - Filter bytes of the answer.
 * @f:    Filter of this answer.
 * @text: (n,) valid UTF-8.
 * @n:    May be 0.
 * @out:  Room for @n + LLAMA_STOP_BYTES bytes; may not overlap @text.
 * @done: Set if a stop text is complete; it and the bytes behind it are dropped.
 *
 * Return: bytes written.
 */
size_t llama_stop_push(struct llama_stop_filter *f, const char *text, size_t n, char *out,
		       bool *done);

/** llama_stop_end() - Write the held bytes to @out (LLAMA_STOP_BYTES). Return: their number. */
size_t llama_stop_end(struct llama_stop_filter *f, char *out);

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz the UTF-8 functions: a stream in pieces must give the same valid output
 * as one pass, and no function may read past the end of its input.
 */
#include <stdlib.h>

#include "llama_core.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Return a copy of exactly @n bytes, so that a sanitizer sees a read past the end. */
static char *copy(const void *data, size_t n)
{
	char *s = malloc(n ? n : 1);

	require(s);
	memcpy(s, data, n);
	return s;
}

/* Copy a text with malformed bytes replaced. Return: length of the copy. */
static size_t replace_all(const char *s, size_t n, char *out)
{
	size_t written = 0;
	u32 cp;

	while (n) {
		int k = llama_utf8_decode(s, n, &cp);
		size_t used = k < 0 ? -k : k;

		require(k && used <= n);
		written += llama_utf8_encode(cp, out + written);
		s += used;
		n -= used;
	}
	return written;
}

/* The first byte of @data sets the lengths of the pieces; the rest is the text. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct utf8_stream stream = { .n_held = 0 };
	size_t n, i, len, tail, written = 0;
	char *whole, *out, *piece;
	u32 step;

	if (!size)
		return 0;
	step = data[0];
	n = size - 1;
	whole = malloc(3 * n + 1);
	out = malloc(3 * n + 16);
	require(whole && out);
	piece = copy(data + 1, n);
	tail = replace_all(piece, n, whole);
	len = tail;
	if (!llama_utf8_check(piece, n, &tail))
		require(tail <= 3 && tail <= n);
	free(piece);

	for (i = 0; i < n;) {
		size_t k = min_t(size_t, n - i, 1 + (step + i * 7) % (1 + (step & 15)));
		char *room = malloc(3 * (k + 3));

		require(room);
		piece = copy(data + 1 + i, k);
		tail = llama_utf8_stream_push(&stream, piece, k, room);
		require(tail <= 3 * (k + 3) && stream.n_held <= 3);
		memcpy(out + written, room, tail);
		written += tail;
		require(!llama_utf8_check(out, written, &tail) && !tail);
		free(room);
		free(piece);
		i += k;
	}
	written += llama_utf8_stream_end(&stream, out + written);
	require(written == len && !memcmp(out, whole, len));
	free(whole);
	free(out);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/* UTF-8 for ctypes: harness/core/utf8.py. */
#include <stdlib.h>

#include "llama_core.h"

int llamuxu_utf8_decode(const char *s, size_t n, u32 *cp)
{
	return llama_utf8_decode(s, n, cp);
}

int llamuxu_utf8_encode(u32 cp, char *s)
{
	return llama_utf8_encode(cp, s);
}

int llamuxu_utf8_check(const char *s, size_t n, size_t *tail)
{
	return llama_utf8_check(s, n, tail);
}

struct utf8_stream *llamuxu_utf8_stream_new(void)
{
	return calloc(1, sizeof(struct utf8_stream));
}

void llamuxu_utf8_stream_free(struct utf8_stream *u)
{
	free(u);
}

size_t llamuxu_utf8_stream_push(struct utf8_stream *u, const char *s, size_t n, char *out)
{
	return llama_utf8_stream_push(u, s, n, out);
}

size_t llamuxu_utf8_stream_end(struct utf8_stream *u, char *out)
{
	return llama_utf8_stream_end(u, out);
}

// SPDX-License-Identifier: GPL-2.0
#include "text/stop.h"

int llama_stop_begin(struct llama_stop_filter *f, const struct llama_stops *stops)
{
	u32 i;

	if (stops->n > LLAMA_MAX_STOPS)
		return -EINVAL;
	for (i = 0; i < stops->n; i++)
		if (!stops->len[i] || stops->len[i] > LLAMA_STOP_BYTES)
			return -EINVAL;
	f->stops = *stops;
	f->n = 0;
	return 0;
}

/* Tell whether the held bytes begin a stop text. */
static bool is_beginning(const struct llama_stop_filter *f)
{
	u32 i;

	for (i = 0; i < f->stops.n; i++)
		if (f->n <= f->stops.len[i] && !memcmp(f->held, f->stops.text[i], f->n))
			return true;
	return false;
}

/* Return the bytes of the longest stop text at the end of the held bytes, or 0. */
static u32 ending(const struct llama_stop_filter *f)
{
	u32 longest = 0;
	u32 i, len;

	for (i = 0; i < f->stops.n; i++) {
		len = f->stops.len[i];
		if (f->n >= len && !memcmp(f->held + f->n - len, f->stops.text[i], len))
			longest = max(longest, len);
	}
	return longest;
}

/* Release the first byte. */
static void shift(struct llama_stop_filter *f, char *out)
{
	*out = f->held[0];
	memmove(f->held, f->held + 1, --f->n);
}

size_t llama_stop_push(struct llama_stop_filter *f, const char *text, size_t n, char *out,
		       bool *done)
{
	size_t written = 0;
	size_t i;
	u32 len;

	*done = false;
	if (!f->stops.n) {
		memcpy(out, text, n);
		return n;
	}
	for (i = 0; i < n; i++) {
		/* Fewer than LLAMA_STOP_BYTES are held: that many would be a whole stop text. */
		f->held[f->n++] = text[i];
		len = ending(f);
		if (len) {
			f->n -= len;
			*done = true;
			return written + llama_stop_end(f, out + written);
		}
		while (!is_beginning(f))
			shift(f, out + written++);
	}
	return written;
}

size_t llama_stop_end(struct llama_stop_filter *f, char *out)
{
	size_t n = f->n;

	memcpy(out, f->held, n);
	f->n = 0;
	return n;
}

// SPDX-License-Identifier: GPL-2.0
#include "text/utf8.h"

#define CONTINUATION_MIN 0x80
#define CONTINUATION_MAX 0xBF

/*
 * For each lead byte: the number of bytes of the character, the mask of its bits in
 * the lead byte, and the range of the second byte. That range excludes overlong forms,
 * surrogates and numbers above U+10FFFF.
 */
struct lead {
	u8 length;	/* 0: no character begins with this byte */
	u8 bits;
	u8 second_min;
	u8 second_max;
};

static struct lead classify(u8 byte)
{
	struct lead l = { 0, 0, CONTINUATION_MIN, CONTINUATION_MAX };

	if (byte >= 0xC2 && byte <= 0xDF) {
		l.length = 2;
		l.bits = byte & 0x1F;
	} else if (byte >= 0xE0 && byte <= 0xEF) {
		l.length = 3;
		l.bits = byte & 0x0F;
		if (byte == 0xE0)
			l.second_min = 0xA0;
		if (byte == 0xED)
			l.second_max = 0x9F;
	} else if (byte >= 0xF0 && byte <= 0xF4) {
		l.length = 4;
		l.bits = byte & 0x07;
		if (byte == 0xF0)
			l.second_min = 0x90;
		if (byte == 0xF4)
			l.second_max = 0x8F;
	}
	return l;
}

/*
 * See llama_utf8_decode(). Sets @cut if the bytes are ill-formed only because the text
 * ends inside a character.
 */
static int decode(const char *s, size_t n, u32 *cp, bool *cut)
{
	u8 byte = (u8)s[0];
	struct lead l;
	int i;
	u32 v;

	*cut = false;
	if (byte < 0x80) {
		*cp = byte;
		return 1;
	}
	*cp = UTF8_REPLACEMENT;
	l = classify(byte);
	if (!l.length)
		return -1;

	v = l.bits;
	for (i = 1; i < l.length; i++) {
		if ((size_t)i == n) {
			*cut = true;
			return -i;
		}
		byte = (u8)s[i];
		if (byte < l.second_min || byte > l.second_max)
			return -i;
		l.second_min = CONTINUATION_MIN;
		l.second_max = CONTINUATION_MAX;
		v = v << 6 | (byte & 0x3F);
	}
	*cp = v;
	return i;
}

int llama_utf8_decode(const char *s, size_t n, u32 *cp)
{
	bool cut;

	return decode(s, n, cp, &cut);
}

int llama_utf8_encode(u32 cp, char *s)
{
	if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
		cp = UTF8_REPLACEMENT;
	if (cp < 0x80) {
		s[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		s[0] = (char)(0xC0 | cp >> 6);
		s[1] = (char)(0x80 | (cp & 0x3F));
		return 2;
	}
	if (cp < 0x10000) {
		s[0] = (char)(0xE0 | cp >> 12);
		s[1] = (char)(0x80 | (cp >> 6 & 0x3F));
		s[2] = (char)(0x80 | (cp & 0x3F));
		return 3;
	}
	s[0] = (char)(0xF0 | cp >> 18);
	s[1] = (char)(0x80 | (cp >> 12 & 0x3F));
	s[2] = (char)(0x80 | (cp >> 6 & 0x3F));
	s[3] = (char)(0x80 | (cp & 0x3F));
	return 4;
}

int llama_utf8_check(const char *s, size_t n, size_t *tail)
{
	bool cut;
	u32 cp;
	int k;

	*tail = 0;
	while (n) {
		k = decode(s, n, &cp, &cut);
		if (cut) {
			*tail = n;
			return 0;
		}
		if (k < 0)
			return -EILSEQ;
		s += k;
		n -= k;
	}
	return 0;
}

/* Copy the @k bytes of a character, or write the replacement if @k is negative. */
static size_t emit(char *out, const char *s, int k)
{
	if (k < 0)
		return llama_utf8_encode(UTF8_REPLACEMENT, out);
	memcpy(out, s, k);
	return k;
}

/*
 * Complete a held character byte by byte until it is whole or ill-formed. Return: bytes
 * consumed.
 */
static size_t finish_held(struct utf8_stream *u, const char *s, size_t n, char *out,
			  size_t *written)
{
	size_t eaten = 0;
	bool cut;
	u32 cp;
	int k;

	while (u->n_held && eaten < n) {
		u->held[u->n_held] = s[eaten];
		k = decode(u->held, u->n_held + 1, &cp, &cut);
		if (cut) {
			u->n_held++;
			eaten++;
			continue;
		}
		/* Ill-formed: the new byte does not belong to it and is read again. */
		if (k > 0)
			eaten++;
		*written += emit(out + *written, u->held, k);
		u->n_held = 0;
	}
	return eaten;
}

size_t llama_utf8_stream_push(struct utf8_stream *u, const char *s, size_t n, char *out)
{
	size_t written = 0;
	size_t i = finish_held(u, s, n, out, &written);
	bool cut;
	u32 cp;
	int k;

	while (i < n) {
		k = decode(s + i, n - i, &cp, &cut);
		if (cut) {
			while (i < n)
				u->held[u->n_held++] = s[i++];
			break;
		}
		written += emit(out + written, s + i, k);
		i += k < 0 ? -k : k;
	}
	return written;
}

size_t llama_utf8_stream_end(struct utf8_stream *u, char *out)
{
	if (!u->n_held)
		return 0;
	u->n_held = 0;
	return llama_utf8_encode(UTF8_REPLACEMENT, out);
}

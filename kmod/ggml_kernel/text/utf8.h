/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: UTF-8: decoding, validation, and streams of it
 */
#ifndef LLAMA_UTF8_H
#define LLAMA_UTF8_H

#include "base/port.h"

#define UTF8_REPLACEMENT 0xFFFDu

/**
 * llama_utf8_decode() - The next code point of a text of any bytes.
 * @s: (n,) bytes, n at least 1.
 * @n: Bytes up to the text's end.
 * @cp: The code point, or UTF8_REPLACEMENT for a maximal ill-formed
 *   subsequence (Unicode 15, section 3.9, "substitution of maximal subparts").
 *
 * Return: bytes consumed, at least 1; negated where they were ill-formed.
 */
int llama_utf8_decode(const char *s, size_t n, u32 *cp);

/**
 * llama_utf8_encode() - Write a character.
 * @cp: Any number.
 * @s:  Room for 4 bytes.
 *
 * A surrogate, or what lies above U+10FFFF, becomes U+FFFD.
 *
 * Return: bytes.
 */
int llama_utf8_encode(u32 cp, char *s);

/**
 * llama_utf8_check() - How far a text is valid.
 * @s:    (n,) any bytes.
 * @n:    May be 0.
 * @tail: Bytes at the end that begin a character without ending it, 0 to 3.
 *
 * Return: 0 where all but the tail is valid, else -EILSEQ.
 */
int llama_utf8_check(const char *s, size_t n, size_t *tail);

/**
 * struct utf8_stream - Turns pieces of bytes into whole, valid characters.
 * @held:   Bytes of a character that is not yet whole.
 * @n_held: 0 to 3.
 */
struct utf8_stream {
	char held[4];
	u32 n_held;
};

/**
 * llama_utf8_stream_push() - Feed @n bytes, get what is whole.
 * @u:   All zeros before the first piece.
 * @s:   (n,) any bytes; a character may span two pieces.
 * @n:   May be 0.
 * @out: Room for 3 * (@n + 3) bytes: an ill-formed byte becomes U+FFFD.
 *
 * Return: bytes written to @out, always valid UTF-8.
 */
size_t llama_utf8_stream_push(struct utf8_stream *u, const char *s, size_t n, char *out);

/**
 * llama_utf8_stream_end() - The text is over: what never became whole is one U+FFFD.
 * @u:   All zeros afterwards.
 * @out: Room for 3 bytes; a caller that would rather drop it ignores them.
 *
 * Return: bytes at @out.
 */
size_t llama_utf8_stream_end(struct utf8_stream *u, char *out);

#endif

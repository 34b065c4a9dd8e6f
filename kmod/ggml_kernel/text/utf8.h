/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: UTF-8: decoding, validation and streams
 */
#ifndef LLAMA_UTF8_H
#define LLAMA_UTF8_H

#include "base/port.h"

#define UTF8_REPLACEMENT 0xFFFDu

/**
 * llama_utf8_decode() - Decode the first code point of any bytes.
 * @s: (n,) bytes, n at least 1.
 * @n: Number of bytes up to the end of the text.
 * @cp: The code point, or UTF8_REPLACEMENT for a maximal ill-formed
 *   subsequence (Unicode 15, section 3.9, "substitution of maximal subparts").
 *
 * Return: bytes consumed, at least 1; negative if they are ill-formed.
 */
int llama_utf8_decode(const char *s, size_t n, u32 *cp);

/**
 * llama_utf8_encode() - Write a character.
 * @cp: Any number.
 * @s:  Room for 4 bytes.
 *
 * Surrogates and numbers above U+10FFFF become U+FFFD.
 *
 * Return: bytes written.
 */
int llama_utf8_encode(u32 cp, char *s);

/**
 * llama_utf8_check() - Tell whether a text is well-formed.
 * @s:    (n,) any bytes.
 * @n:    May be 0.
 * @tail: Number of bytes of an incomplete character at the end, 0 to 3.
 *
 * Return: 0 if all bytes before the tail are well-formed, else -EILSEQ.
 */
int llama_utf8_check(const char *s, size_t n, size_t *tail);

/**
 * struct utf8_stream - A stream of bytes that becomes whole, well-formed characters.
 * @held:   Bytes of an incomplete character.
 * @n_held: 0 to 3.
 */
struct utf8_stream {
	char held[4];
	u32 n_held;
};

/**
 * llama_utf8_stream_push() - Add bytes and write the characters that are complete.
 * @u:   All zeros before the first piece.
 * @s:   (n,) any bytes; a character may span two pieces.
 * @n:   May be 0.
 * @out: Room for 3 * (@n + 3) bytes: an ill-formed byte becomes U+FFFD.
 *
 * Return: bytes written to @out, always valid UTF-8.
 */
size_t llama_utf8_stream_push(struct utf8_stream *u, const char *s, size_t n, char *out);

/**
 * llama_utf8_stream_end() - End a stream: an incomplete character becomes U+FFFD.
 * @u:   All zeros afterwards.
 * @out: Room for 3 bytes.
 *
 * Return: bytes written to @out.
 */
size_t llama_utf8_stream_end(struct utf8_stream *u, char *out);

#endif

// SPDX-License-Identifier: GPL-2.0
/* Types of weights in blocks: how each lies in the file, and how its codes are unpacked. */
#include "arithmetic/block_type.h"
#include "file/generated/ggml_types.h"

static void unpack_nibbles(const u8 *qs, s16 *c, int offset)
{
	u32 i;

	for (i = 0; i < 16; i++) {
		c[i] = (qs[i] & 15) - offset;
		c[i + 16] = (qs[i] >> 4) - offset;
	}
}

static void unpack_fifth_bits(const u8 *qh, s16 *c)
{
	u32 bits = llama_get_u32(qh);
	u32 i;

	for (i = 0; i < 32; i++)
		c[i] += (bits >> i & 1) << 4;
}

static void unpack_Q4_0(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	unpack_nibbles(block + 2, c, 8);
}

static void unpack_Q4_1(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	unpack_nibbles(block + 4, c, 0);
}

static void unpack_Q5_0(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	unpack_nibbles(block + 6, c, 16);
	unpack_fifth_bits(block + 2, c);
}

static void unpack_Q5_1(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	unpack_nibbles(block + 8, c, 0);
	unpack_fifth_bits(block + 4, c);
}

static void unpack_Q8_0(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	u32 i;

	for (i = 0; i < 32; i++)
		c[i] = (s8)block[2 + i];
}

/* Unpack 2-bit codes. Byte i of each 32 holds elements i, i + 32, i + 64 and i + 96 of 128. */
static void unpack_pairs(const u8 *qs, s16 *c)
{
	u32 half, plane, i;

	for (half = 0; half < 2; half++)
		for (plane = 0; plane < 4; plane++)
			for (i = 0; i < 32; i++)
				*c++ = qs[32 * half + i] >> (2 * plane) & 3;
}

static void unpack_Q2_K(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	u32 j;

	for (j = 0; j < 16; j++) {
		a[j] = block[j] & 15;
		b[j] = block[j] >> 4;
	}
	unpack_pairs(block + 16, c);
}

static void unpack_Q3_K(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	const u8 *scales = block + 96;
	u32 i, j;

	for (j = 0; j < 16; j++) {
		u32 low = j < 8 ? scales[j] & 15 : scales[j - 8] >> 4;
		u32 high = scales[8 + j % 4] >> (2 * (j / 4)) & 3;

		a[j] = (s16)(low | high << 4) - 32;
	}
	unpack_pairs(block + 32, c);
	for (i = 0; i < K_BLOCK; i++)
		c[i] += ((block[i % 32] >> (i / 32) & 1) << 2) - 4;
}

/* Unpack eight scales and eight minima of 6 bits from 12 bytes. */
static void unpack_scales_k4(const u8 *s, s16 *a, s16 *b)
{
	u32 j;

	for (j = 0; j < 4; j++) {
		a[j] = s[j] & 63;
		b[j] = s[j + 4] & 63;
		a[j + 4] = (s[j + 8] & 15) | (s[j] >> 6) << 4;
		b[j + 4] = s[j + 8] >> 4 | (s[j + 4] >> 6) << 4;
	}
}

/* Unpack 4-bit codes. Byte i of each 32 holds elements i and i + 32 of 64. */
static void unpack_nibbles_k(const u8 *qs, s16 *c)
{
	u32 chunk, i;

	for (chunk = 0; chunk < 4; chunk++, c += 64, qs += 32)
		for (i = 0; i < 32; i++) {
			c[i] = qs[i] & 15;
			c[i + 32] = qs[i] >> 4;
		}
}

static void unpack_Q4_K(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	unpack_scales_k4(block + 4, a, b);
	unpack_nibbles_k(block + 16, c);
}

static void unpack_Q5_K(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	u32 i;

	unpack_scales_k4(block + 4, a, b);
	unpack_nibbles_k(block + 48, c);
	for (i = 0; i < K_BLOCK; i++)
		c[i] += (block[16 + i % 32] >> (i / 32) & 1) << 4;
}

static void unpack_Q6_K(const u8 *block, s16 *c, s16 *a, s16 *b)
{
	const u8 *ql = block, *qh = block + 128;
	u32 half, i, j;

	for (half = 0; half < 2; half++, c += 128, ql += 64, qh += 32)
		for (i = 0; i < 32; i++) {
			c[i] = ((ql[i] & 15) | (qh[i] & 3) << 4) - 32;
			c[i + 32] = ((ql[i + 32] & 15) | (qh[i] >> 2 & 3) << 4) - 32;
			c[i + 64] = (ql[i] >> 4 | (qh[i] >> 4 & 3) << 4) - 32;
			c[i + 96] = (ql[i + 32] >> 4 | qh[i] >> 6 << 4) - 32;
		}
	for (j = 0; j < 16; j++)
		a[j] = (s8)block[192 + j];
}

#define BLOCK_TYPE(type, n_words, scale, minimum, sub_block, r_a, r_z, code_offset) \
	[GGML_TYPE_##type] = { \
		.unpack = unpack_##type, \
		.elements = GGML_BLOCK_##type, \
		.bytes = GGML_BYTES_##type, \
		.words = n_words, \
		.d = scale, \
		.n = minimum, \
		.sub = sub_block, \
		.r = r_a, \
		.t = r_z, \
	},

static const struct llama_block_type types[] = { LLAMA_BLOCK_TYPES(BLOCK_TYPE) };

const struct llama_block_type *llama_block_type(u32 type)
{
	return type < ARRAY_SIZE(types) && types[type].unpack ? &types[type] : NULL;
}

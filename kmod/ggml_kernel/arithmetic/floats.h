/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Floats of a file as integers with a common exponent
 */
#ifndef LLAMA_FLOATS_H
#define LLAMA_FLOATS_H

#include "arithmetic/fixed.h"

/**
 * llama_float_load() - Read an element of a float array.
 * @type: GGML_TYPE_F32, F16 or BF16.
 * @data: The array, as in the file.
 * @i:    Index of the element.
 * @p:    Its mantissa and exponent.
 *
 * Return: 0, or -ERANGE if it is not finite.
 */
int llama_float_load(u32 type, const u8 *data, u64 i, struct float_parts *p);

/**
 * llama_float_align() - Give the elements of a float array a common exponent.
 * @type: GGML_TYPE_F32, F16 or BF16.
 * @data: (n,) as in the file.
 * @n:    Elements.
 * @bits: Bits of the largest result, at most 31.
 * @v:    (n,) integers.
 * @exponent: Their exponent.
 *
 * Return: 0, or -EINVAL if an element is not finite.
 */
int llama_float_align(u32 type, const u8 *data, u32 n, int bits, s64 *v, int *exponent);

/**
 * llama_halves_align() - Replace F16 fields by 16-bit integers with a common exponent.
 * @field:  The first field.
 * @n:      Number of fields.
 * @stride: Bytes from one field to the next.
 * @exponent: Exponent of the integers.
 *
 * Return: 0, or -EINVAL if a field is not finite.
 */
int llama_halves_align(u8 *field, u32 n, u32 stride, s16 *exponent);

#endif

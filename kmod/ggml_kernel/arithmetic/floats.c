// SPDX-License-Identifier: GPL-2.0
/* Floats of a file as integers with a common exponent: docs/numerics.md, section 3. */
#include "arithmetic/floats.h"
#include "file/generated/ggml_types.h"

/* Raise @top to the position of the highest bit of @p. */
static void align_note(int *top, struct float_parts p)
{
	if (p.m)
		*top = max(*top, bit_length(p.m < 0 ? -p.m : p.m) + p.e);
}

/* Return the common exponent for @bits; 0 if every value was zero. */
static int align_exponent(int top, int bits)
{
	return top == INT_MIN ? 0 : top - bits;
}

static s64 align(struct float_parts p, int e, int bits)
{
	s64 limit = (1LL << bits) - 1;

	if (!p.m)
		return 0;
	return clamp_t(s64, shift_round(p.m, e - p.e), -limit, limit);
}

int llama_halves_align(u8 *field, u32 n, u32 stride, s16 *exponent)
{
	struct float_parts p;
	int top = INT_MIN;
	u32 i;

	for (i = 0; i < n; i++) {
		if (llama_f16_parts(llama_get_u16(field + i * stride), &p))
			return -EINVAL;
		align_note(&top, p);
	}
	*exponent = align_exponent(top, 15);
	for (i = 0; i < n; i++) {
		s16 v;

		llama_f16_parts(llama_get_u16(field + i * stride), &p);
		v = align(p, *exponent, 15);
		memcpy(field + i * stride, &v, sizeof(v));
	}
	return 0;
}

int llama_float_load(u32 type, const u8 *data, u64 i, struct float_parts *p)
{
	switch (type) {
	case GGML_TYPE_F32:
		return llama_f32_parts(llama_get_u32(data + 4 * i), p);
	case GGML_TYPE_F16:
		return llama_f16_parts(llama_get_u16(data + 2 * i), p);
	default:
		return llama_bf16_parts(llama_get_u16(data + 2 * i), p);
	}
}

int llama_float_align(u32 type, const u8 *data, u32 n, int bits, s64 *v, int *exponent)
{
	struct float_parts p;
	int top = INT_MIN;
	u32 i;

	for (i = 0; i < n; i++) {
		if (llama_float_load(type, data, i, &p))
			return -EINVAL;
		align_note(&top, p);
	}
	*exponent = align_exponent(top, bits);
	for (i = 0; i < n; i++) {
		llama_float_load(type, data, i, &p);
		v[i] = align(p, *exponent, bits);
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from the Python package gguf. Do not edit; instead run
 *	python -m harness generate-headers
 *
 * For ggml_type.c alone: other files call llama_type_traits().
 */
#ifndef LLAMA_GENERATED_GGML_TRAITS_H
#define LLAMA_GENERATED_GGML_TRAITS_H

#include "file/generated/ggml_types.h"

/* Those without bytes are known by name alone. */
static const struct ggml_type_traits ggml_traits_table[GGML_TYPE_COUNT] = {
	[0] = { .name = "F32", .block = 1, .bytes = 4 },
	[1] = { .name = "F16", .block = 1, .bytes = 2 },
	[2] = { .name = "Q4_0", .block = 32, .bytes = 18 },
	[3] = { .name = "Q4_1", .block = 32, .bytes = 20 },
	[6] = { .name = "Q5_0", .block = 32, .bytes = 22 },
	[7] = { .name = "Q5_1", .block = 32, .bytes = 24 },
	[8] = { .name = "Q8_0", .block = 32, .bytes = 34 },
	[10] = { .name = "Q2_K", .block = 256, .bytes = 84 },
	[11] = { .name = "Q3_K", .block = 256, .bytes = 110 },
	[12] = { .name = "Q4_K", .block = 256, .bytes = 144 },
	[13] = { .name = "Q5_K", .block = 256, .bytes = 176 },
	[14] = { .name = "Q6_K", .block = 256, .bytes = 210 },
	[30] = { .name = "BF16", .block = 1, .bytes = 2 },
	[9] = { .name = "Q8_1" },
	[15] = { .name = "Q8_K" },
	[16] = { .name = "IQ2_XXS" },
	[17] = { .name = "IQ2_XS" },
	[18] = { .name = "IQ3_XXS" },
	[19] = { .name = "IQ1_S" },
	[20] = { .name = "IQ4_NL" },
	[21] = { .name = "IQ3_S" },
	[22] = { .name = "IQ2_S" },
	[23] = { .name = "IQ4_XS" },
	[24] = { .name = "I8" },
	[25] = { .name = "I16" },
	[26] = { .name = "I32" },
	[27] = { .name = "I64" },
	[28] = { .name = "F64" },
	[29] = { .name = "IQ1_M" },
	[34] = { .name = "TQ1_0" },
	[35] = { .name = "TQ2_0" },
	[39] = { .name = "MXFP4" },
	[40] = { .name = "NVFP4" },
	[41] = { .name = "Q1_0" },
};

#endif

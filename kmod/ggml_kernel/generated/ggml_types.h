/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from the Python package gguf. Do not edit; instead run
 *	python -m harness generate-headers
 */
#ifndef LLAMA_GENERATED_GGML_TYPES_H
#define LLAMA_GENERATED_GGML_TYPES_H

#include "../port.h"

/* What the core computes with: name, number, elements of a block, its bytes. */
#define GGML_TYPES(X) \
	X(F32, 0, 1, 4) \
	X(F16, 1, 1, 2) \
	X(Q4_0, 2, 32, 18) \
	X(Q4_1, 3, 32, 20) \
	X(Q5_0, 6, 32, 22) \
	X(Q5_1, 7, 32, 24) \
	X(Q8_0, 8, 32, 34) \
	X(Q2_K, 10, 256, 84) \
	X(Q3_K, 11, 256, 110) \
	X(Q4_K, 12, 256, 144) \
	X(Q5_K, 13, 256, 176) \
	X(Q6_K, 14, 256, 210) \
	X(BF16, 30, 1, 2)

/* What else a file may hold: name, number. */
#define GGML_OTHER_TYPES(X) \
	X(Q8_1, 9) \
	X(Q8_K, 15) \
	X(IQ2_XXS, 16) \
	X(IQ2_XS, 17) \
	X(IQ3_XXS, 18) \
	X(IQ1_S, 19) \
	X(IQ4_NL, 20) \
	X(IQ3_S, 21) \
	X(IQ2_S, 22) \
	X(IQ4_XS, 23) \
	X(I8, 24) \
	X(I16, 25) \
	X(I32, 26) \
	X(I64, 27) \
	X(F64, 28) \
	X(IQ1_M, 29) \
	X(TQ1_0, 34) \
	X(TQ2_0, 35) \
	X(MXFP4, 39) \
	X(NVFP4, 40) \
	X(Q1_0, 41)

/* Above every number. */
#define GGML_TYPE_COUNT 42

enum ggml_type {
	GGML_TYPE_F32 = 0,
	GGML_TYPE_F16 = 1,
	GGML_TYPE_Q4_0 = 2,
	GGML_TYPE_Q4_1 = 3,
	GGML_TYPE_Q5_0 = 6,
	GGML_TYPE_Q5_1 = 7,
	GGML_TYPE_Q8_0 = 8,
	GGML_TYPE_Q2_K = 10,
	GGML_TYPE_Q3_K = 11,
	GGML_TYPE_Q4_K = 12,
	GGML_TYPE_Q5_K = 13,
	GGML_TYPE_Q6_K = 14,
	GGML_TYPE_BF16 = 30,
};

#define GGML_BLOCK_F32 1
#define GGML_BYTES_F32 4
#define GGML_BLOCK_F16 1
#define GGML_BYTES_F16 2
#define GGML_BLOCK_Q4_0 32
#define GGML_BYTES_Q4_0 18
#define GGML_BLOCK_Q4_1 32
#define GGML_BYTES_Q4_1 20
#define GGML_BLOCK_Q5_0 32
#define GGML_BYTES_Q5_0 22
#define GGML_BLOCK_Q5_1 32
#define GGML_BYTES_Q5_1 24
#define GGML_BLOCK_Q8_0 32
#define GGML_BYTES_Q8_0 34
#define GGML_BLOCK_Q2_K 256
#define GGML_BYTES_Q2_K 84
#define GGML_BLOCK_Q3_K 256
#define GGML_BYTES_Q3_K 110
#define GGML_BLOCK_Q4_K 256
#define GGML_BYTES_Q4_K 144
#define GGML_BLOCK_Q5_K 256
#define GGML_BYTES_Q5_K 176
#define GGML_BLOCK_Q6_K 256
#define GGML_BYTES_Q6_K 210
#define GGML_BLOCK_BF16 1
#define GGML_BYTES_BF16 2

/**
 * struct ggml_type_traits - How a tensor of a type lies in memory.
 * @name:  As people write it.
 * @block: Elements of a block.
 * @bytes: Bytes of a block; 0 for a type that the core does not compute with.
 */
struct ggml_type_traits {
	const char *name;
	u16 block;
	u16 bytes;
};

/**
 * ggml_type_traits() - The traits of a type.
 * @type: Any number.
 *
 * Return: NULL for a type that the core does not compute with.
 */
const struct ggml_type_traits *ggml_type_traits(u32 type);

/**
 * ggml_type_name() - The name of any type that ggml knows.
 * @type: Any number.
 *
 * Return: NULL for a number that stands for none.
 */
const char *ggml_type_name(u32 type);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from the Python package gguf. Do not edit; instead run
 *	python -m harness generate-headers
 */
#ifndef LLAMA_GENERATED_GGML_TYPES_H
#define LLAMA_GENERATED_GGML_TYPES_H

#include "base/port.h"

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
 * llama_type_traits() - The traits of a type.
 * @type: Any number.
 *
 * Return: NULL for a type that the core does not compute with.
 */
const struct ggml_type_traits *llama_type_traits(u32 type);

/**
 * llama_type_name() - The name of any type that ggml knows.
 * @type: Any number.
 *
 * Return: NULL for a number that stands for none.
 */
const char *llama_type_name(u32 type);

#endif

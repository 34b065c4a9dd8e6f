/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Whether a path computes right
 *
 * Every operation of a path, the generic one not excepted, on made-up numbers.
 * The answers are known from the twin, which is not written in C. To be run
 * before anything computes: it chooses paths.
 */
#ifndef LLAMA_SELFTEST_H
#define LLAMA_SELFTEST_H

#include "arithmetic/path.h"

/** llama_selftest_size() - Bytes that llama_selftest() wants. */
size_t llama_selftest_size(void);

/**
 * llama_selftest() - Hold a path against known answers.
 * @path:   One that this machine can run.
 * @arena:  llama_selftest_size() bytes.
 *
 * Return: NULL, or the name of an operation, or of a type of weights, whose result differs.
 */
const char *llama_selftest(const struct llama_path *path, struct llama_arena *arena);

#endif

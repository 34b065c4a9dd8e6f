/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Whether a path computes what the generic one does
 *
 * On made-up numbers, every operation that has a path of its own. To be run
 * before anything computes: it chooses paths.
 */
#ifndef LLAMA_SELFTEST_H
#define LLAMA_SELFTEST_H

#include "isa.h"

/** llama_selftest_size() - Bytes that llama_selftest() wants. */
size_t llama_selftest_size(void);

/**
 * llama_selftest() - Hold a path against the generic one.
 * @path:   One that this machine can run.
 * @arena:  llama_selftest_size() bytes.
 *
 * Return: NULL, or the name of an operation whose result differs.
 */
const char *llama_selftest(const struct isa *path, struct llama_arena *arena);

#endif

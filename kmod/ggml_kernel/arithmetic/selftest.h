/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Self-test of code paths
 *
 * The self-test computes every operation of a path, the generic one included, on
 * pseudo-random numbers. The expected results come from the Python twin. It must
 * run before other computations, since it changes the path in use.
 */
#ifndef LLAMA_SELFTEST_H
#define LLAMA_SELFTEST_H

#include "arithmetic/path.h"

/** llama_selftest_size() - Return the arena bytes that llama_selftest() needs. */
size_t llama_selftest_size(void);

/**
 * llama_selftest() - Compare the results of a path with known ones.
 * @path:   A path that this machine can execute.
 * @arena:  llama_selftest_size() bytes.
 *
 * Return: NULL, or the name of an operation, or of a type of weights, whose result differs.
 */
const char *llama_selftest(const struct llama_path *path, struct llama_arena *arena);

#endif

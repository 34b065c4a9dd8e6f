/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Functions that the KUnit suites share
 *
 * Resources are released when the test ends. The test ends if they are not
 * available. Memory is vmalloc()ed, so that KASAN reports accesses outside at both
 * ends.
 */
#ifndef LLAMUX_TESTS_SUPPORT_H
#define LLAMUX_TESTS_SUPPORT_H

#include <kunit/test.h>

#include "arithmetic/path.h"
#include "llama_core.h"

/** llamux_test_alloc() - Allocate @size bytes, aligned to a page. */
void *llamux_test_alloc(struct kunit *test, size_t size);

/** llamux_test_arena() - Return an arena of the bytes that @measured used. */
struct llama_arena llamux_test_arena(struct kunit *test, const struct llama_arena *measured);

/**
 * struct llamux_test_file - A file of the guest, in memory.
 * @data: Writable.
 * @size: Bytes.
 */
struct llamux_test_file {
	u8 *data;
	size_t size;
};

/** llamux_test_read() - Read the file that the harness calls @name, without its suffix. */
struct llamux_test_file llamux_test_read(struct kunit *test, const char *name);

/**
 * llamux_test_load() - Load a model from a file.
 * @test: Test; its end frees the model.
 * @file: Changed in place.
 * @m:    Filled.
 * @diag: Names the cause on failure; may be NULL.
 *
 * Return: 0 or the core's error.
 */
int llamux_test_load(struct kunit *test, struct llamux_test_file *file, struct llama_model *m,
		     struct llama_diag *diag);

/** llamux_test_model() - Load the model @name; a failure ends the test. */
struct llama_model *llamux_test_model(struct kunit *test, const char *name);

/** llamux_test_isa() - Parameters of a test: each path that this machine can execute. */
const void *llamux_test_isa(const void *previous, char *name);

/** llamux_test_isa_exit() - End a suite that changed the path in use. */
void llamux_test_isa_exit(struct kunit_suite *suite);

#endif

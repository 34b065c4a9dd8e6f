/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: What the KUnit suites share
 *
 * Everything taken here goes back when the test ends, and ends it where
 * there is none to be had. Memory is vmalloc()ed: under KASAN a step
 * outside is noticed at both ends.
 */
#ifndef LLAMUX_TESTS_SUPPORT_H
#define LLAMUX_TESTS_SUPPORT_H

#include <kunit/test.h>

#include "arithmetic/path.h"
#include "llama_core.h"

/** llamux_test_alloc() - @size bytes, aligned to a page. */
void *llamux_test_alloc(struct kunit *test, size_t size);

/** llamux_test_arena() - An arena of what @measured used. */
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

/** llamux_test_read() - The file that the harness calls @name, without its ending. */
struct llamux_test_file llamux_test_read(struct kunit *test, const char *name);

/**
 * llamux_test_load() - Make a model of a file.
 * @test: Whose end frees the model.
 * @file: Changed in place.
 * @m:    Filled.
 * @diag: May be NULL.
 * Return: 0, or what the core says is wrong with it, named in @diag.
 */
int llamux_test_load(struct kunit *test, struct llamux_test_file *file, struct llama_model *m,
		     struct llama_diag *diag);

/** llamux_test_model() - The model in the file called @name, which has to load. */
struct llama_model *llamux_test_model(struct kunit *test, const char *name);

/** llamux_test_isa() - Parameters of a test: each path that this machine can run. */
const void *llamux_test_isa(const void *previous, char *name);

/** llamux_test_isa_exit() - End of a suite that chose paths. */
void llamux_test_isa_exit(struct kunit_suite *suite);

#endif

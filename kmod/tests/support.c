// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel_read_file.h>
#include <linux/module.h>
#include <linux/vmalloc.h>

#include "support.h"

#define FOLDER "/lib/firmware/llamux/kunit/"

static void release(void *memory)
{
	vfree(memory);
}

void *llamux_test_alloc(struct kunit *test, size_t size)
{
	void *memory = vmalloc(max_t(size_t, size, 1));

	KUNIT_ASSERT_NOT_NULL(test, memory);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, release, memory));
	return memory;
}

struct llama_arena llamux_test_arena(struct kunit *test, const struct llama_arena *measured)
{
	return (struct llama_arena){
		.base = llamux_test_alloc(test, measured->used),
		.size = measured->used,
	};
}

struct llamux_test_file llamux_test_read(struct kunit *test, const char *name)
{
	char *path = kunit_kzalloc(test, PATH_MAX, GFP_KERNEL);
	void *data = NULL;
	ssize_t n;

	KUNIT_ASSERT_NOT_NULL(test, path);
	snprintf(path, PATH_MAX, "%s%s.gguf", FOLDER, name);
	n = kernel_read_file_from_path(path, 0, &data, INT_MAX, NULL, READING_UNKNOWN);
	if (n == -EINVAL)	/* an empty file gives this */
		return (struct llamux_test_file){ llamux_test_alloc(test, 0), 0 };
	KUNIT_ASSERT_GE_MSG(test, n, 0, "%s", path);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, release, data));
	return (struct llamux_test_file){ data, n };
}

static int make_model(struct kunit *test, struct llamux_test_file *file, const struct gguf *g,
		      struct llama_model *m, struct llama_diag *diag)
{
	struct llama_arena measured = { };
	struct llama_arena arena;
	int err = llama_model_size(g, &measured.used, diag);

	if (err)
		return err;
	arena = llamux_test_arena(test, &measured);
	return llama_model_init(m, g, file->data, &arena, NULL, diag);
}

int llamux_test_load(struct kunit *test, struct llamux_test_file *file, struct llama_model *m,
		     struct llama_diag *diag)
{
	struct gguf *g = kunit_kzalloc(test, sizeof(*g), GFP_KERNEL);
	size_t need;
	void *index;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, g);
	err = llama_gguf_index_size(file->data, file->size, &need, diag);
	if (err)
		return err;
	index = llamux_test_alloc(test, need);
	err = llama_gguf_parse(g, file->data, file->size, index, need, diag);
	return err ? err : make_model(test, file, g, m, diag);
}

struct llama_model *llamux_test_model(struct kunit *test, const char *name)
{
	struct llama_model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct llamux_test_file file = llamux_test_read(test, name);
	struct llama_diag diag = { };

	KUNIT_ASSERT_NOT_NULL(test, m);
	KUNIT_ASSERT_EQ_MSG(test, 0, llamux_test_load(test, &file, m, &diag), "%s: %s", name,
			    diag.text);
	return m;
}

const void *llamux_test_isa(const void *previous, char *name)
{
	u32 i = 0;

	/* The parameter is a path; the next one is behind it in the list. */
	if (previous) {
		while (llama_path_at(i) != previous)
			i++;
		i++;
	}
	while (llama_path_at(i) && !llama_path_usable(i))
		i++;
	if (llama_path_at(i))
		strscpy(name, llama_path_at(i)->name, KUNIT_PARAM_DESC_SIZE);
	return llama_path_at(i);
}

void llamux_test_isa_exit(struct kunit_suite *suite)
{
	llama_path_select(NULL);
}

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suites of llamux's integer core");
MODULE_AUTHOR("The Llamux maintainers");

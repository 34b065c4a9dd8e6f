// SPDX-License-Identifier: GPL-2.0
/* The self-test, on right and on wrong paths. */
#include <stdlib.h>

#include "llama_core.h"
#include "../../kmod/tests/wrong.h"

static const char *test(const struct llama_path *path)
{
	struct llama_arena arena = { .size = llama_selftest_size() };
	const char *wrong = "nothing, for want of memory";

	arena.base = aligned_alloc(LLAMA_ALIGN, arena.size);
	if (arena.base)
		wrong = llama_selftest(path, &arena);
	free(arena.base);
	return wrong;
}

/* Run llama_selftest() on path @i. Return: NULL on success, or if there is no path @i. */
const char *llamuxu_selftest(u32 i)
{
	return llama_path_at(i) && llama_path_usable(i) ? test(llama_path_at(i)) : NULL;
}

/* Return the number of functions of a path. */
u32 llamuxu_functions(void)
{
	return ARRAY_SIZE(wrong_functions);
}

/* Return the expected result for path @i with function @f wrong; NULL if it has none. */
const char *llamuxu_wrong_name(u32 i, u32 f)
{
	return f || llama_path_at(i)->mul ? wrong_functions[f].found : NULL;
}

/* Return the self-test's result for it. */
const char *llamuxu_selftest_wrong(u32 i, u32 f)
{
	struct vector_ops ops;
	struct llama_path path;

	return make_wrong(llama_path_at(i), f, &path, &ops) ? test(&path) : NULL;
}

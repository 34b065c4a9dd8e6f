// SPDX-License-Identifier: GPL-2.0
/* The choice of a code path. */
#include "arithmetic/path.h"

/* The fastest one first. */
static const struct llama_path * const paths[] = {
#ifdef LLAMA_X86_SIMD
	&llama_path_avx512,
	&llama_path_avxvnni,
	&llama_path_avx2,
#endif
#ifdef LLAMA_ARM_SIMD
	&llama_path_i8mm,
	&llama_path_dotprod,
	&llama_path_neon,
#endif
	&llama_path_swar,
	&llama_path_generic,
};

static bool disabled[ARRAY_SIZE(paths)];
static const struct llama_path *chosen = &llama_path_generic;

static bool always(void)
{
	return true;
}

const struct llama_path llama_path_generic = {
	.name = "generic",
	.usable = always,
	.scores = llama_attention_scores,
	.values = llama_attention_values,
	.vector = &llama_vector_generic,
};

const struct llama_path *llama_path_current(void)
{
	return chosen;
}

const char *llama_path_name(void)
{
	return chosen->name;
}

void llama_path_use(const struct llama_path *path)
{
	chosen = path;
}

const struct llama_path *llama_path_at(u32 i)
{
	return i < ARRAY_SIZE(paths) ? paths[i] : NULL;
}

bool llama_path_usable(u32 i)
{
	return !disabled[i] && paths[i]->usable();
}

void llama_path_disable(u32 i)
{
	disabled[i] = true;
}

int llama_path_select(const char *name)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(paths); i++)
		if ((!name || !strcmp(name, paths[i]->name)) && llama_path_usable(i)) {
			chosen = paths[i];
			return 0;
		}
	return -EINVAL;
}

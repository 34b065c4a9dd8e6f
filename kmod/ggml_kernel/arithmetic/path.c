// SPDX-License-Identifier: GPL-2.0
/* Which path computes. */
#include "arithmetic/path.h"

/* The best one first. */
static const struct isa * const paths[] = {
#ifdef LLAMA_X86_SIMD
	&isa_avx512,
	&isa_avxvnni,
	&isa_avx2,
#endif
#ifdef LLAMA_ARM_SIMD
	&isa_i8mm,
	&isa_dotprod,
	&isa_neon,
#endif
	&isa_swar,
	&isa_generic,
};

static bool disabled[ARRAY_SIZE(paths)];
static const struct isa *chosen = &isa_generic;

static bool always(void)
{
	return true;
}

const struct isa isa_generic = {
	.name = "generic",
	.usable = always,
	.scores = attention_scores,
	.values = attention_values,
	.vector = &vector_generic,
};

const struct isa *isa_current(void)
{
	return chosen;
}

void isa_use(const struct isa *isa)
{
	chosen = isa;
}

const struct isa *isa_at(u32 i)
{
	return i < ARRAY_SIZE(paths) ? paths[i] : NULL;
}

bool isa_usable(u32 i)
{
	return !disabled[i] && paths[i]->usable();
}

void isa_disable(u32 i)
{
	disabled[i] = true;
}

int isa_select(const char *name)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(paths); i++)
		if ((!name || !strcmp(name, paths[i]->name)) && isa_usable(i)) {
			chosen = paths[i];
			return 0;
		}
	return -EINVAL;
}

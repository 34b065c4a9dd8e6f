// SPDX-License-Identifier: GPL-2.0
/* Which path multiplies tiles. */
#include "tile.h"

/* The best one first. */
static const struct tile_isa * const paths[] = {
#ifdef LLAMA_X86_SIMD
	&tile_avx512,
	&tile_avx2,
#endif
	&tile_swar,
};

static const struct tile_isa *chosen;

const struct tile_isa *tile_isa(void)
{
	return chosen;
}

int tile_isa_select(const char *name)
{
	u32 i;

	if (name && !strcmp(name, "generic")) {
		chosen = NULL;
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(paths); i++)
		if ((!name || !strcmp(name, paths[i]->name)) && paths[i]->usable()) {
			chosen = paths[i];
			return 0;
		}
	return -EINVAL;
}

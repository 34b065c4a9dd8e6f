// SPDX-License-Identifier: GPL-2.0
#include "file/generated/ggml_traits.h"

const struct ggml_type_traits *llama_type_traits(u32 type)
{
	if (type >= GGML_TYPE_COUNT || !ggml_traits_table[type].bytes)
		return NULL;
	return &ggml_traits_table[type];
}

const char *llama_type_name(u32 type)
{
	return type < GGML_TYPE_COUNT ? ggml_traits_table[type].name : NULL;
}

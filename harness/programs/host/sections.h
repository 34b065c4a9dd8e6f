/* SPDX-License-Identifier: GPL-2.0 */
/* Replacements of the macros in port.h: the core is compiled with them for sections.c. */
#define llama_simd_begin() section_begin()
#define llama_simd_end() section_end()

void section_begin(void);
void section_end(void);

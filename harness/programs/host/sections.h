/* SPDX-License-Identifier: GPL-2.0 */
/* In the place of port.h's: the core is compiled with these where sections.c is linked to it. */
#define llama_simd_begin() section_begin()
#define llama_simd_end() section_end()

void section_begin(void);
void section_end(void);

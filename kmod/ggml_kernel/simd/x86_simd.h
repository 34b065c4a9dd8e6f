/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Integer vectors on x86-64
 */
#ifndef LLAMA_X86_SIMD_H
#define LLAMA_X86_SIMD_H

#include "base/port.h"

/* immintrin.h would bring in malloc() through this one. */
#define _MM_MALLOC_H_INCLUDED
#include <immintrin.h>

#endif

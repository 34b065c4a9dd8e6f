// SPDX-License-Identifier: GPL-2.0
/* Loops over vectors for AVX2. */
#ifndef __CHECKER__	/* sparse knows no vectors */
#include "simd/x86_simd.h"
#include "arithmetic/fixed.h"

#define LOGICAL_SHIFTS	/* there is no other one of 64 bits */
#define VECTOR_BYTES 32
#define mul_lanes(a, b) ((unsigned_lanes)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))

#define VECTOR_OPS llama_vector_avx2
#include "simd/vector_ops.h"
#endif

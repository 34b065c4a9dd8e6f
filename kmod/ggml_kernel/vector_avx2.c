// SPDX-License-Identifier: GPL-2.0
/* Loops over vectors for AVX2. */
#define LOGICAL_SHIFTS	/* there is no other one of 64 bits */
#define VECTOR_BYTES 32
#define VECTOR_OPS vector_avx2
#include "vector_ops.h"

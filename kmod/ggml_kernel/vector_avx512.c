// SPDX-License-Identifier: GPL-2.0
/* Loops over vectors for AVX-512. */
#define VECTOR_BYTES 64
#define VECTOR_OPS vector_avx512
#include "vector_ops.h"

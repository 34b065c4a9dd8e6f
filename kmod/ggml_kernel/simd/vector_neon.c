// SPDX-License-Identifier: GPL-2.0
/* Loops over vectors for NEON. */
#define VECTOR_OPS llama_vector_neon
#include "simd/vector_ops.h"

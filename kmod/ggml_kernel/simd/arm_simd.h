/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Integer vectors on arm64
 */
#ifndef LLAMA_ARM_SIMD_H
#define LLAMA_ARM_SIMD_H

#include "base/port.h"

/* The kernel's header makes the compiler's 64-bit types those of the kernel. */
#ifdef __KERNEL__
#include <asm/neon-intrinsics.h>
#else
#include <arm_neon.h>
#endif

#endif

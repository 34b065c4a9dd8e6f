// SPDX-License-Identifier: GPL-2.0
/* Fuzz target: the SPM tokenizer. */
#define _GNU_SOURCE
#include "tokenizer.h"

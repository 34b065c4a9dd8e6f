// SPDX-License-Identifier: GPL-2.0
/* Fuzz the BPE tokenizer. */
#define _GNU_SOURCE
#include "tokenizer.h"

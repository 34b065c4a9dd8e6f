// SPDX-License-Identifier: GPL-2.0
/* The bpe tokenizer. */
#define _GNU_SOURCE
#include "tokenizer.h"

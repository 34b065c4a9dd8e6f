// SPDX-License-Identifier: GPL-2.0
/* The spm tokenizer. */
#define _GNU_SOURCE
#include "tokenizer.h"

/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MUTATION_H
#define MUTATION_H

#include "input.h"

/* Begin the random numbers that mutations follow. */
void mutation_seed(uint64_t seed);

/* Make a new input from those of the corpus. */
void mutate(struct input *input);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CHANCE_H
#define CHANCE_H

#include <stdint.h>

/* Begin the random numbers of this process. */
void random_seed(uint64_t seed);

/* Return: a random number below @n. */
uint32_t random_below(uint32_t n);

/* Sleep for up to @us microseconds; short times are as likely as long ones. */
void pause_up_to(uint32_t us);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Random numbers that follow from a seed (splitmix64, https://prng.di.unimi.it/splitmix64.c). */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

/* Return the next number without the last step of splitmix64: use the upper half alone. */
static inline uint64_t random_upper(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	return (z ^ z >> 27) * 0x94d049bb133111eb;
}

/* Return the next number of 64 bits. */
static inline uint64_t random_bits(uint64_t *state)
{
	uint64_t z = random_upper(state);

	return z ^ z >> 31;
}

#endif

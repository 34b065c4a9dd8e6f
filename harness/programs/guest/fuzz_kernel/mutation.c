// SPDX-License-Identifier: GPL-2.0
/* New inputs out of old ones. */
#include <string.h>

#include "fuzz.h"

static uint64_t state;

void random_seed(uint64_t seed)
{
	state = seed;
}

/* splitmix64: https://prng.di.unimi.it/splitmix64.c */
static uint64_t random_u64(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint32_t random_below(uint32_t n)
{
	return (random_u64() >> 32) * n >> 32;
}

static uint8_t *operation_at(struct input *input, uint32_t i)
{
	return input->bytes + HEADER_BYTES + i * OPERATION_BYTES;
}

/* An operation like any, on one of the first files mostly. */
static void make_operation(uint8_t *bytes)
{
	uint32_t i;

	bytes[0] = random_below(n_kinds) | random_below(4) << 6;
	bytes[1] = random_below(random_below(4) ? 2 : 256);
	for (i = 2; i < OPERATION_BYTES; i++)
		bytes[i] = random_below(random_below(2) ? 256 : 16);
}

static void insert(struct input *input, uint32_t i, const uint8_t *bytes)
{
	if (n_operations(input) == MAX_OPERATIONS)
		return;
	memmove(operation_at(input, i + 1), operation_at(input, i),
		(n_operations(input) - i) * OPERATION_BYTES);
	memcpy(operation_at(input, i), bytes, OPERATION_BYTES);
	input->n += OPERATION_BYTES;
}

void operation_remove(struct input *input, uint32_t i)
{
	memmove(operation_at(input, i), operation_at(input, i + 1),
		(n_operations(input) - i - 1) * OPERATION_BYTES);
	input->n -= OPERATION_BYTES;
}

static void swap(struct input *input, uint32_t i, uint32_t j)
{
	uint8_t bytes[OPERATION_BYTES];

	memcpy(bytes, operation_at(input, i), sizeof(bytes));
	memmove(operation_at(input, i), operation_at(input, j), sizeof(bytes));
	memcpy(operation_at(input, j), bytes, sizeof(bytes));
}

/* The end of another one behind the beginning of this one. */
static void splice(struct input *input, const struct input *other)
{
	uint32_t i, from, n = n_operations(input);

	for (i = n ? random_below(n + 1) : 0; i < n_operations(input);)
		operation_remove(input, i);
	for (from = random_below(n_operations(other) + 1); from < n_operations(other); from++)
		insert(input, n_operations(input),
		       other->bytes + HEADER_BYTES + from * OPERATION_BYTES);
}

static void change(struct input *input)
{
	uint32_t n = n_operations(input);
	uint8_t bytes[OPERATION_BYTES];
	uint8_t *byte;

	make_operation(bytes);
	switch (random_below(n ? 9 : 1)) {
	case 0:
	case 1:
		insert(input, random_below(n + 1), bytes);
		break;
	case 2:
		memcpy(operation_at(input, random_below(n)), bytes, sizeof(bytes));
		break;
	case 3:
		memcpy(bytes, operation_at(input, random_below(n)), sizeof(bytes));
		insert(input, random_below(n + 1), bytes);
		break;
	case 4:
		operation_remove(input, random_below(n));
		break;
	case 5:
		swap(input, random_below(n), random_below(n));
		break;
	case 6:
		input->bytes[random_below(HEADER_BYTES)] = random_below(16);
		break;
	case 7:
		input->bytes[random_below(input->n)] ^= 1u << random_below(8);
		break;
	default:
		byte = &input->bytes[random_below(input->n)];
		*byte = random_below(2) ? random_below(256) : *byte + random_below(9) - 4;
	}
}

void mutate(struct input *input)
{
	uint32_t rounds = 1 + random_below(random_below(4) ? 4 : 16);

	if (n_corpus && random_below(16))
		*input = corpus[random_below(n_corpus)];
	else
		*input = (struct input){ .n = HEADER_BYTES };
	if (n_corpus && !random_below(4))
		splice(input, &corpus[random_below(n_corpus)]);
	while (rounds--)
		change(input);
}

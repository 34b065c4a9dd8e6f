// SPDX-License-Identifier: GPL-2.0
/* New inputs made from old ones. */
#include <string.h>

#include "../../shared/random.h"
#include "corpus.h"
#include "mutation.h"
#include "operations.h"

static uint64_t state;

void mutation_seed(uint64_t seed)
{
	state = seed;
}

/* Return a random number below @n. */
static uint32_t random_below(uint32_t n)
{
	return (random_bits(&state) >> 32) * n >> 32;
}

/* Make a random operation, on one of the first two files in most cases. */
static void make_operation(uint8_t *bytes)
{
	uint32_t i;

	bytes[0] = random_below(n_operation_kinds) | random_below(4) << 6;
	bytes[1] = random_below(random_below(4) ? 2 : 256);
	for (i = 2; i < OPERATION_BYTES; i++)
		bytes[i] = random_below(random_below(2) ? 256 : 16);
}

/* Exchange operations @i and @j. */
static void swap(struct input *input, uint32_t i, uint32_t j)
{
	uint8_t bytes[OPERATION_BYTES];

	memcpy(bytes, input_bytes(input, i), sizeof(bytes));
	memmove(input_bytes(input, i), input_bytes(input, j), sizeof(bytes));
	memcpy(input_bytes(input, j), bytes, sizeof(bytes));
}

/* Replace the end of an input by the end of another one. */
static void splice(struct input *input, const struct input *other)
{
	uint32_t i, from, n = input_n_operations(input), end = input_n_operations(other);

	for (i = n ? random_below(n + 1) : 0; i < input_n_operations(input);)
		input_remove(input, i);
	for (from = random_below(end + 1); from < end; from++)
		input_insert(input, input_n_operations(input),
		       other->bytes + HEADER_BYTES + from * OPERATION_BYTES);
}

/* Make one small random change. */
static void change(struct input *input)
{
	uint32_t n = input_n_operations(input);
	uint8_t bytes[OPERATION_BYTES];
	uint8_t *byte;

	make_operation(bytes);
	switch (random_below(n ? 9 : 1)) {
	case 0:
	case 1:
		input_insert(input, random_below(n + 1), bytes);
		break;
	case 2:
		memcpy(input_bytes(input, random_below(n)), bytes, sizeof(bytes));
		break;
	case 3:
		memcpy(bytes, input_bytes(input, random_below(n)), sizeof(bytes));
		input_insert(input, random_below(n + 1), bytes);
		break;
	case 4:
		input_remove(input, random_below(n));
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

// SPDX-License-Identifier: GPL-2.0
/* Inputs, and the operations within them. */
#include <stdio.h>
#include <string.h>

#include "input.h"

void input_insert(struct input *input, uint32_t i, const uint8_t *bytes)
{
	if (input_n_operations(input) == MAX_OPERATIONS)
		return;
	memmove(input_bytes(input, i + 1), input_bytes(input, i),
		(input_n_operations(input) - i) * OPERATION_BYTES);
	memcpy(input_bytes(input, i), bytes, OPERATION_BYTES);
	input->n += OPERATION_BYTES;
}

void input_remove(struct input *input, uint32_t i)
{
	memmove(input_bytes(input, i), input_bytes(input, i + 1),
		(input_n_operations(input) - i - 1) * OPERATION_BYTES);
	input->n -= OPERATION_BYTES;
}

void input_print(const char *word, const struct input *input)
{
	uint32_t i;

	printf("%s ", word);
	for (i = 0; i < input->n; i++)
		printf("%02x", input->bytes[i]);
	printf("\n");
	fflush(stdout);
}

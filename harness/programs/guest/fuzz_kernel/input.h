/* SPDX-License-Identifier: GPL-2.0 */
#ifndef INPUT_H
#define INPUT_H

#include <stdint.h>

#define HEADER_BYTES 2
#define OPERATION_BYTES 8
#define MAX_OPERATIONS 24
#define INPUT_BYTES (HEADER_BYTES + MAX_OPERATIONS * OPERATION_BYTES)

/**
 * struct operation - A system call or a few, as eight bytes of an input.
 * @kind: Index in the table of operations, modulo its size (lower six bits); thread (upper two).
 * @file: Index among the program's files.
 * @a:    First argument. The kind gives the arguments their meaning.
 * @b:    Second argument.
 * @c:    Third argument.
 * @d:    Fourth argument.
 * @e:    Fifth argument.
 * @f:    Sixth argument.
 */
struct operation {
	uint8_t kind, file, a, b, c, d, e, f;
};

_Static_assert(sizeof(struct operation) == OPERATION_BYTES, "an operation is its bytes");

/**
 * struct input - A program: a header and operations.
 * @n:     Length in bytes.
 * @bytes: First byte: number of threads (bits 0 and 1), whether a user runs the program (bit 2),
 *         whether its session keeps the default options (bit 3). Second byte: number of operations
 *         before the threads start. OPERATION_BYTES for each operation follow.
 */
struct input {
	uint32_t n;
	uint8_t bytes[INPUT_BYTES];
};

/* Return: number of whole operations. */
static inline uint32_t input_n_operations(const struct input *input)
{
	return input->n < HEADER_BYTES ? 0 : (input->n - HEADER_BYTES) / OPERATION_BYTES;
}

/* Return: the bytes of operation @i. */
static inline uint8_t *input_bytes(struct input *input, uint32_t i)
{
	return input->bytes + HEADER_BYTES + i * OPERATION_BYTES;
}

static inline const struct operation *input_operation(const struct input *input, uint32_t i)
{
	return (const void *)(input->bytes + HEADER_BYTES + i * OPERATION_BYTES);
}

/* Insert an operation before operation @i, unless the input is full. */
void input_insert(struct input *input, uint32_t i, const uint8_t *bytes);

/* Remove operation @i. */
void input_remove(struct input *input, uint32_t i);

/* Print "WORD INPUT" as a line; the input is hexadecimal. */
void input_print(const char *word, const struct input *input);

#endif

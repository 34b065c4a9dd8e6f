/* SPDX-License-Identifier: GPL-2.0 */
/* Programs of system calls on the files of /proc/llamux, made up as coverage rewards them. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define HEADER_BYTES 2
#define OPERATION_BYTES 8
#define MAX_OPERATIONS 24
#define INPUT_BYTES (HEADER_BYTES + MAX_OPERATIONS * OPERATION_BYTES)
#define MAX_THREADS 3
#define MAX_PROCESSES 16
#define MAX_KINDS 64
#define MAX_ERRNO 134
#define N_DETAILS 4096
#define USER 1000		/* whom some programs belong to, and its group */
#define DEFAULT_MODEL "tiny"	/* the one that the module was loaded with */

/**
 * struct input - A program as it is kept: a header and operations.
 * @n:     Bytes.
 * @bytes: The first says how many threads there are (bits 0 and 1), that it is a user's (2),
 *         and that its session has no options (3); the second, how many operations come
 *         before the threads begin. OPERATION_BYTES for each operation follow.
 */
struct input {
	uint32_t n;
	uint8_t bytes[INPUT_BYTES];
};

static inline uint32_t n_operations(const struct input *input)
{
	return input->n < HEADER_BYTES ? 0 : (input->n - HEADER_BYTES) / OPERATION_BYTES;
}

/**
 * struct operation - What its bytes mean.
 * @kind: Which one (modulo their number), in six bits; whose, in the other two.
 * @file: On which of the program's files.
 * @a: As the kind takes it, like all others.
 */
struct operation {
	uint8_t kind, file, a, b, c, d, e, f;
};

_Static_assert(sizeof(struct operation) == OPERATION_BYTES, "an operation is its bytes");

/**
 * struct shared - What a running program tells the one that started it.
 * @results:     Whether an operation of a kind ended with an errno, 0 for success.
 * @details:     The same for each of 16 forms that a kind takes, by a hash.
 * @n_processes: Forked by the program.
 * @processes:   They.
 * @commanded:   Something was written to /proc/llamux/control.
 */
struct shared {
	uint8_t results[MAX_KINDS][MAX_ERRNO];
	uint8_t details[N_DETAILS];
	uint32_t n_processes;
	pid_t processes[MAX_PROCESSES];
	uint32_t commanded;
};

extern struct shared *shared;

/* operations.c */
extern const uint32_t n_kinds;
const char *kind_name(uint32_t kind);

/* Give a program, or another thread of it, its memory. Return: false where there is none. */
bool operations_begin(void);
bool operations_begin_thread(void);

/* Do those in [@from, @to) that belong to thread @t of @n; to all threads, where @n is 1. */
void operations_run(const struct input *input, uint32_t from, uint32_t to, uint32_t t, uint32_t n);

/* Close what is open. */
void operations_end(void);

/* ring.c */

/* A read, write or other call (@how) of up to @size bytes at @data; @wait for its end. */
long ring_transfer(int fd, uint8_t how, void *data, uint32_t size, bool wait);

/* texts.c */
struct text {
	const char *data;
	size_t n;
};

struct text prompt_text(uint8_t which);
const char *option_key(uint8_t which);
const char *option_value(uint8_t which);
const char *command_verb(uint8_t which);
const char *command_path(uint8_t which);
const char *model_name(uint8_t which);
uint64_t number(uint8_t which);
size_t size_of_transfer(uint8_t which);

/* Take every model off the list but the default, which is DEFAULT_MODEL again. */
void models_restore(void);

/* coverage.c */

/* Begin to trace programs, where the kernel can. Return: whether it can. */
bool coverage_open(void);

/* In thread @t of a program. */
void coverage_begin(uint32_t t);
void coverage_end(uint32_t t);

/* Before a program. */
void coverage_clear(void);

/* After it: take what it reached. Return: how much of that is new. */
uint32_t coverage_take(void);

/* Count what was reached by the latest program as seen. */
void coverage_accept(void);

/* What is new of the latest program becomes what a smaller one has to reach, too. */
void coverage_want(void);
bool coverage_has_wanted(void);

/* Look at blocks and results alone. */
void coverage_coarse(void);

/* What the latest program reached, for the caller to keep; how much of it is new; and no longer. */
uint32_t *coverage_copy(uint32_t *n);
uint32_t coverage_fresh(const uint32_t *points, uint32_t n);
void coverage_add(const uint32_t *points, uint32_t n);

uint32_t coverage_blocks(void);
uint32_t coverage_edges(void);
void coverage_print(void);

/* execution.c */
enum outcome {
	RUN_ENDED,
	RUN_KILLED,		/* took too long, and went when told to */
	RUN_STUCK,		/* did not go */
	RUN_FAILED,		/* a fault of this program's own */
};

void execution_open(void);
enum outcome execute(const struct input *input);

/* corpus.c */
extern struct input *corpus;
extern uint32_t n_corpus;

/* Read the file's inputs. Return: false where it is no file of inputs. */
bool corpus_load(const char *path);
void corpus_add(const struct input *input);
void input_print(const char *word, const struct input *input);

/* mutation.c */
void random_seed(uint64_t seed);
uint32_t random_below(uint32_t n);

/* Make a new input of those that there are. */
void mutate(struct input *input);

/* Take out operation @i. */
void operation_remove(struct input *input, uint32_t i);

#endif

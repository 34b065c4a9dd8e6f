/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LOADS_H
#define LOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_PROCESSES 64

/**
 * struct load - A load.
 * @name:  Name in the output.
 * @run:   Load of process @number; does not return.
 * @reads: The processes read answers.
 */
struct load {
	const char *name;
	void (*run)(int number);
	bool reads;
};

extern const struct load loads[];
extern const size_t n_loads;

/* Make the memory that the processes share; exit with 2 if there is none. */
void loads_open(void);

/* Return: bytes of answers that all processes read so far. */
uint64_t loads_bytes(void);

/* Wait until every process is past its prompt; the host limits the time. */
void loads_wait(int processes);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RESULTS_H
#define RESULTS_H

#include <stdint.h>
#include <sys/types.h>

#define MAX_KINDS 64
#define MAX_ERRNO 134
#define MAX_PROCESSES 16
#define N_DETAILS 4096

/**
 * struct results - Results of a running program, in memory that its processes share.
 * @errnos:      Whether an operation of a kind ended with an errno; 0 is success.
 * @details:     The same for each of 16 values of the first argument, by a hash.
 * @n_processes: Number of processes that the program forked.
 * @processes:   Their pids.
 * @commanded:   The program wrote to /proc/llamux/control.
 */
struct results {
	uint8_t errnos[MAX_KINDS][MAX_ERRNO];
	uint8_t details[N_DETAILS];
	uint32_t n_processes;
	pid_t processes[MAX_PROCESSES];
	uint32_t commanded;
};

extern struct results *results;

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Teams of POSIX threads
 */
#ifndef LLAMUXU_THREADS_H
#define LLAMUXU_THREADS_H

#include "llama_core.h"

/**
 * llamuxu_team_open() - Start a team; one caller at a time may use it.
 * @n_workers: 1 to LLAMA_MAX_WORKERS, the caller included.
 *
 * Return: the team, or NULL if threads are not available.
 */
struct llama_team *llamuxu_team_open(u32 n_workers);

/** llamuxu_team_close() - End the threads of a team; @team may be NULL. */
void llamuxu_team_close(struct llama_team *team);

#endif

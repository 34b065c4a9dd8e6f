/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EXECUTION_H
#define EXECUTION_H

#include "input.h"

#define USER 1000		/* user and group that run some programs */

enum outcome {
	RUN_ENDED,
	RUN_KILLED,		/* took too long and was killed */
	RUN_STUCK,		/* could not be killed */
	RUN_FAILED,		/* failed for a reason that has nothing to do with the module */
};

/* Get ready to execute programs; exit with 2 if that fails. */
void execution_open(void);

/* Execute a program in a process of its own and wait for the end of all its processes. */
enum outcome execute(const struct input *input);

#endif

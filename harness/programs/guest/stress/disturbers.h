/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DISTURBERS_H
#define DISTURBERS_H

#include <stdint.h>

/* Something that makes every client's work harder, repeated until the record is over. */
struct disturber {
	const char *name;
	void (*run)(void);
};

extern const struct disturber disturbers[];
extern const uint32_t n_disturbers;

#endif

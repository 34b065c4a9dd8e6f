// SPDX-License-Identifier: GPL-2.0
/* The open files of a program, shared by its threads. */
#include <fcntl.h>
#include <unistd.h>

#include "files.h"

#define N_FILES 6

static int files[N_FILES] = { -1, -1, -1, -1, -1, -1 };

int files_get(uint8_t which)
{
	int i, fd;

	for (i = 0; i < N_FILES; i++) {
		fd = __atomic_load_n(&files[(which + i) % N_FILES], __ATOMIC_RELAXED);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

int files_take(uint8_t which)
{
	return __atomic_exchange_n(&files[which % N_FILES], -1, __ATOMIC_RELAXED);
}

void files_put(uint8_t which, int fd)
{
	fd = __atomic_exchange_n(&files[which % N_FILES], fd, __ATOMIC_RELAXED);
	if (fd >= 0)
		close(fd);
}

void files_close(void)
{
	uint32_t i;

	for (i = 0; i < N_FILES; i++)
		files_put(i, -1);
}

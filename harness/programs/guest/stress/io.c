// SPDX-License-Identifier: GPL-2.0
/* Calls on the files of /proc/llamux; each errno is counted. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "chance.h"
#include "io.h"
#include "record.h"

int io_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	record_error(errno);
	return -errno;
}

int io_write_once(int fd, const void *data, uint32_t n)
{
	ssize_t done = write(fd, data, n);

	if (done == n)
		return 0;
	if (done >= 0) {
		record_fail("a write of %u bytes took %zd", n, done);
		return 0;
	}
	record_error(errno);
	return -errno;
}

int io_write(int fd, struct bytes b)
{
	uint32_t tries = 0;
	int err;

	do {
		err = io_write_once(fd, b.data, b.n);
	} while (err == -ENOMEM && tries++ < IO_MAX_TRIES && (pause_up_to(IO_LATER_US), true));
	return err;
}

int io_read_text(const char *path, char *text, uint32_t size)
{
	int fd = io_open(path, O_RDONLY);
	uint32_t n = 0;
	int err = 0;
	ssize_t got;

	if (fd < 0)
		return fd;
	while ((got = read(fd, text + n, size - 1 - n)) > 0)
		n += got;
	if (got < 0) {
		err = -errno;
		record_error(errno);
		n = 0;
	}
	text[n] = '\0';
	close(fd);
	return err;
}

bool io_is_passing(int err)
{
	return err == -ENOMEM || err == -EUSERS;
}

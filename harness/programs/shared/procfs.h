/* SPDX-License-Identifier: GPL-2.0 */
/* Files of the module, and the one way to open and write one. */
#ifndef PROCFS_H
#define PROCFS_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PROMPT "/proc/llamux/prompt"
#define CHAT "/proc/llamux/chat"
#define OPTIONS "/proc/llamux/options"
#define LOGITS "/proc/llamux/logits"
#define STATUS "/proc/llamux/status"
#define STATS "/proc/llamux/stats"
#define MODELS "/proc/llamux/models"
#define CONTROL "/proc/llamux/control"

/**
 * open_and_write() - Open a file and write a text to it in one call.
 * @path:  An existing file.
 * @flags: Flags of open().
 * @text:  The text, without its terminating NUL.
 *
 * Return: The descriptor, or -1 with errno set; EIO after a short write.
 */
static inline int open_and_write(const char *path, int flags, const char *text)
{
	size_t n = strlen(text);
	int fd = open(path, flags), err;
	ssize_t done;

	if (fd < 0)
		return -1;
	done = write(fd, text, n);
	if (done == (ssize_t)n)
		return fd;
	err = done < 0 ? errno : EIO;
	close(fd);
	errno = err;
	return -1;
}

#endif

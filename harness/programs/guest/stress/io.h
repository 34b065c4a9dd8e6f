/* SPDX-License-Identifier: GPL-2.0 */
#ifndef IO_H
#define IO_H

#include <stdbool.h>
#include <stdint.h>

#include "questions.h"

/* Calls that may fail for want of memory before the error counts, and the longest pause between. */
#define IO_MAX_TRIES 100
#define IO_LATER_US 100000

/* Open a file. Return: the descriptor or -errno. */
int io_open(const char *path, int flags);

/* Write @n bytes with one call. Return: 0 or -errno. */
int io_write_once(int fd, const void *data, uint32_t n);

/* Write with one call, again while there is no memory. Return: 0 or -errno. */
int io_write(int fd, struct bytes b);

/* Read a whole file into @text, up to @size bytes with the NUL at the end. Return: 0 or -errno. */
int io_read_text(const char *path, char *text, uint32_t size);

/* Return: whether an error says that there is no room or memory now. */
bool io_is_passing(int err);

#endif

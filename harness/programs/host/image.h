/* SPDX-License-Identifier: GPL-2.0 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdio.h>
#include <stdlib.h>

#include "../../native/load.h"

/**
 * image_read() - Read a file into memory of its exact size.
 * @path: The file; the program ends with 1 if it cannot be read.
 * @size: The file's size in bytes, for the caller.
 *
 * Return: Memory from llamuxu_alloc(), to be freed with free().
 */
static inline void *image_read(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	void *image = NULL;
	long n = -1;

	if (file && !fseek(file, 0, SEEK_END))
		n = ftell(file);
	if (n >= 0 && !fseek(file, 0, SEEK_SET))
		image = llamuxu_alloc(n);
	if (!image || fread(image, 1, n, file) != (size_t)n) {
		perror(path);
		exit(1);
	}
	fclose(file);
	*size = n;
	return image;
}

#endif

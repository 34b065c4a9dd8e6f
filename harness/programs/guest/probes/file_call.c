// SPDX-License-Identifier: GPL-2.0
/*
 * One system call on descriptor 3, with a good or a bad address.
 *
 *	file_call COMMAND [data|null|kernel|edge|constant]	ioctl with the number COMMAND
 *	file_call read|write|pread|pwrite [data|null|kernel|edge|constant]
 *	file_call seek|seek_end
 *
 * The argument is memory that has standard input at its beginning. The second word changes its
 * address: NULL, an address of the kernel, an address whose page ends after EDGE bytes, or memory
 * that can only be read. pread, pwrite and seek use the position PLACE, seek_end the end.
 *
 * Output: the bytes that were read, or the memory after an ioctl. Exit codes: 0, the errno, or 255
 * if the program itself fails.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define SIZE (4 * PAGE)
#define EDGE 8		/* bytes before the end of the page */
#define PLACE 2		/* position in the file, in bytes */

/* Return the address for the call; @data is good memory. */
static char *argument(char *data, const char *where)
{
	if (!strcmp(where, "null"))
		return NULL;
	if (!strcmp(where, "kernel"))
		return (char *)-PAGE;
	if (!strcmp(where, "edge")) {
		memcpy(data + PAGE - EDGE, data, EDGE);
		if (munmap(data + PAGE, SIZE - PAGE))
			exit(255);
		return data + PAGE - EDGE;
	}
	if (!strcmp(where, "constant") && mprotect(data, SIZE, PROT_READ))
		exit(255);
	return data;
}

/* Make the call. Return: number of bytes at @p to print, or -1 with errno set. */
static ssize_t call(const char *what, char *p, size_t n)
{
	if (!strcmp(what, "read"))
		return read(3, p, PAGE);
	if (!strcmp(what, "pread"))
		return pread(3, p, PAGE, PLACE);
	if (!strcmp(what, "write"))
		return write(3, p, n) < 0 ? -1 : 0;
	if (!strcmp(what, "pwrite"))
		return pwrite(3, p, n, PLACE) < 0 ? -1 : 0;
	if (!strcmp(what, "seek"))
		return lseek(3, PLACE, SEEK_SET) < 0 ? -1 : 0;
	if (!strcmp(what, "seek_end"))
		return lseek(3, 0, SEEK_END) < 0 ? -1 : 0;
	return ioctl(3, strtoul(what, NULL, 0), p) ? -1 : (ssize_t)n;
}

int main(int argc, char **argv)
{
	const char *where = argc > 2 ? argv[2] : "data";
	char *data = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t n;
	char *p;

	if (argc < 2 || data == MAP_FAILED)
		return 255;
	n = fread(data, 1, SIZE, stdin);
	p = argument(data, where);
	n = call(argv[1], p, n);
	if (n < 0)
		return errno;
	if (!strcmp(where, "data") || !strcmp(where, "edge"))
		fwrite(p, 1, n, stdout);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 *	file_call COMMAND [data|null|kernel|edge|constant]
 *	file_call read|write|pread|pwrite [data|null|kernel|edge|constant]
 *	file_call seek|seek_end
 *
 * One call of descriptor 3: an ioctl by its number, or what is named. Its argument is standard
 * input in memory, or an address that is wrong in the way that is named: of an edge the first
 * bytes are there. Places in the file are PLACE bytes from its beginning, or its end. What is in
 * memory afterwards, or was read, is printed; exits with the errno.
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
#define EDGE 8		/* bytes that are there */
#define PLACE 2

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

/* Return: bytes at @p that are to be shown, or -1. */
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

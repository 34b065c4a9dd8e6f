// SPDX-License-Identifier: GPL-2.0
/*
 *	ioctl_call COMMAND [data|null|kernel|edge|constant]
 *
 * One ioctl of descriptor 3. Its argument is standard input in memory, or an
 * address that is wrong in the way that is named. What is in memory afterwards is printed;
 * exits with the errno.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define PAGE 4096
#define SIZE (4 * PAGE)

static char *argument(char *data, const char *where)
{
	if (!strcmp(where, "null"))
		return NULL;
	if (!strcmp(where, "kernel"))
		return (char *)-PAGE;
	if (!strcmp(where, "edge"))	/* all but the first bytes are nowhere */
		return munmap(data + PAGE, SIZE - PAGE) ? NULL : data + PAGE - 8;
	if (!strcmp(where, "constant") && mprotect(data, SIZE, PROT_READ))
		exit(255);
	return data;
}

int main(int argc, char **argv)
{
	const char *where = argc > 2 ? argv[2] : "data";
	char *data = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t n;

	if (argc < 2 || data == MAP_FAILED)
		return 255;
	n = fread(data, 1, SIZE, stdin);
	if (ioctl(3, strtoul(argv[1], NULL, 0), argument(data, where)))
		return errno;
	if (!strcmp(where, "data"))
		fwrite(data, 1, n, stdout);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Loads each file named on standard input as the module would, and prints its
 * errno and diagnosis: "ERRNO<TAB>TEXT", a line each. Built with sanitizers:
 * each image lies in memory of its exact size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../native/load.h"

static void fail(const char *path)
{
	perror(path);
	exit(1);
}

static void *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	void *data;
	long n;

	if (!f || fseek(f, 0, SEEK_END))
		fail(path);
	n = ftell(f);
	if (n < 0 || fseek(f, 0, SEEK_SET))
		fail(path);
	data = llamuxu_alloc(n);
	if (!data || fread(data, 1, n, f) != (size_t)n)
		fail(path);
	fclose(f);
	*size = n;
	return data;
}

int main(void)
{
	char path[4096];

	while (fgets(path, sizeof(path), stdin)) {
		struct llamuxu_load_report report;
		size_t size;
		void *data;
		int err;

		path[strcspn(path, "\n")] = '\0';
		data = read_file(path, &size);
		err = llamuxu_load_check(data, size, &report);
		printf("%d\t%s\n", -err, report.diag.text);
		fflush(stdout);
		free(data);
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Loads of model files with the checks of the module, for sanitizers: each file lies in memory of
 * its exact size.
 *
 *	load_check <PATHS
 *
 * PATHS has a path on each line. Output: for each file a line "ERRNO<TAB>DIAGNOSIS", ERRNO is 0 if
 * the file is good. Exit codes: 0, 1 if a file cannot be read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

int main(void)
{
	char path[4096];

	while (fgets(path, sizeof(path), stdin)) {
		struct llamuxu_load_report report;
		size_t size;
		void *data;
		int err;

		path[strcspn(path, "\n")] = '\0';
		data = image_read(path, &size);
		err = llamuxu_load_check(data, size, &report);
		printf("%d\t%s\n", -err, report.diag.text);
		fflush(stdout);
		free(data);
	}
	return 0;
}

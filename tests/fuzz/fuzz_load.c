// SPDX-License-Identifier: GPL-2.0
/* Fuzz the loader of a whole file: hyper-parameters, vocabulary, weights. */
#include <stdlib.h>

#include "load.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct llamuxu_load_report report;
	void *image = llamuxu_alloc(size);
	int err;

	memcpy(image, data, size);
	err = llamuxu_load_check(image, size, &report);
	if (!err != !report.diag.text[0])
		abort();
	free(image);
	return 0;
}

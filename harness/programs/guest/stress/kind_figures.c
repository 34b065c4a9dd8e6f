// SPDX-License-Identifier: GPL-2.0
/* Clients that read the figures of the whole module. */
#include <stdio.h>
#include <string.h>

#include "../../shared/array.h"
#include "../../shared/procfs.h"
#include "io.h"
#include "kinds.h"
#include "record.h"

/* Return the value of @key in the text of the file of statistics. */
static unsigned long long find_figure(const char *stats, const char *key)
{
	unsigned long long value = 0;
	const char *line = strstr(stats, key);

	if (!line || sscanf(line + strlen(key), " %llu", &value) != 1)
		record_fail("no %s in " STATS, key);
	return value;
}

/* Read the statistics twice: totals must not become less. */
int run_status(void)
{
	static const char *const totals[] = { "\nanswers", "\ntokens_prompt", "\ntokens_generated",
					      "\nmemory_peak_bytes", "\nconversations_peak" };
	char before[4096], after[4096], text[8192];
	uint32_t i;
	int err = io_read_text(STATS, before, sizeof(before));

	if (!err)
		err = io_read_text(STATUS, text, sizeof(text));
	if (!err)
		err = io_read_text(OPTIONS, text, sizeof(text));
	if (!err && !strstr(text, "max_tokens 256\n"))
		record_fail("a new session does not have the default options: %s", text);
	if (!err)
		err = io_read_text(STATS, after, sizeof(after));
	for (i = 0; i < ARRAY_SIZE(totals) && !err; i++)
		if (find_figure(after, totals[i]) < find_figure(before, totals[i]))
			record_fail("%s became less", totals[i] + 1);
	if (!err &&
	    find_figure(after, "\nconversations") > find_figure(after, "\nconversations_peak"))
		record_fail("more conversations than the peak");
	return err;
}

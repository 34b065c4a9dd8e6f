// SPDX-License-Identifier: GPL-2.0
/* The list of models, which programs change. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/procfs.h"
#include "models.h"

/* Write a command to the registry of models; print the error if it is refused. */
static void command(const char *text)
{
	int fd = open_and_write(CONTROL, O_WRONLY, text);

	if (fd < 0)
		perror(text);
	else
		close(fd);
}

/* Unload every model but DEFAULT_MODEL. */
static void unload_others(void)
{
	FILE *list = fopen(MODELS, "r");
	char line[512], text[520];

	while (list && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\t\n")] = '\0';
		snprintf(text, sizeof(text), "unload %s", line);
		if (strcmp(line, DEFAULT_MODEL))
			command(text);
	}
	if (list)
		fclose(list);
}

/* Return whether DEFAULT_MODEL is loaded. */
static bool is_listed(void)
{
	FILE *list = fopen(MODELS, "r");
	char line[512];
	bool listed = false;

	while (list && fgets(line, sizeof(line), list))
		listed |= !strncmp(line, DEFAULT_MODEL "\t", sizeof(DEFAULT_MODEL));
	if (list)
		fclose(list);
	return listed;
}

void models_restore(void)
{
	if (!is_listed())
		command("load /fuzz/" DEFAULT_MODEL ".gguf " DEFAULT_MODEL);
	command("default " DEFAULT_MODEL);
	unload_others();
}

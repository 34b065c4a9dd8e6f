// SPDX-License-Identifier: GPL-2.0
/* Clients that load, choose and unload models. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../shared/procfs.h"
#include "answer.h"
#include "chance.h"
#include "conversation.h"
#include "io.h"
#include "kinds.h"
#include "record.h"

#define SMALL_BYTES (4 << 20)	/* largest model that is loaded a second time */

const char *model_path, *other_path;

/* Write a command to the registry of models. Return: 0 or -errno. */
__attribute__((format(printf, 1, 2))) static int control(const char *format, ...)
{
	struct bytes command;
	char text[256];
	va_list args;
	int fd, err, tries = 0;

	va_start(args, format);
	command = (struct bytes){ text, vsnprintf(text, sizeof(text), format, args) };
	va_end(args);
	do {
		fd = io_open(CONTROL, O_WRONLY);
	} while (fd == -ENOMEM && tries++ < IO_MAX_TRIES && (pause_up_to(IO_LATER_US), true));
	if (fd < 0)
		return fd;
	/* A load is not tried again: memory for a model may be missing for long. */
	err = strncmp(text, "load", 4) ? io_write(fd, command) :
					 io_write_once(fd, command.data, command.n);
	close(fd);
	return err;
}

/* Load a model by a name that no other process uses, and return that name in @name. */
static int load_model(const char *path, char name[32])
{
	snprintf(name, 32, "m%d", getpid());
	return control("load %s %s", path, name);
}

/* Ask the model @name in a private conversation. */
static int ask_model(struct conversation *c, const struct question *q, const char *name)
{
	char line[64];
	struct bytes choice = { line, snprintf(line, sizeof(line), "model %s\n", name) };
	int err;

	c->prompt = -1;
	c->options = conversation_open_options(q);
	if (c->options < 0)
		return c->options;
	err = io_write(c->options, choice);
	if (err)
		return err;
	c->prompt = io_open(PROMPT, O_RDWR);
	return c->prompt < 0 ? c->prompt : io_write(c->prompt, q->prompt);
}

/* Ask another model, and unload it before its answer is complete. */
int run_models(void)
{
	const struct question *q = question_choose(&others);
	char name[32];
	struct conversation c;
	long pos = 0;
	int gone, err = load_model(other_path, name);

	if (err)
		return err;
	err = ask_model(&c, q, name);
	if (!err) {
		pos = answer_read_some(c.prompt, q, 0, 1 + random_below(8), ODD);
		err = pos < 0 ? pos : 0;
	}
	gone = control("unload %s", name);
	if (gone)
		record_fail("unloading a model in use gave %d", gone);
	if (!err) {
		pos = answer_read_some(c.prompt, q, pos, UINT32_MAX, random_below(N_MANNERS));
		err = pos < 0 ? pos : 0;
	}
	gone = control("default %s", name);
	if (gone != -ENOENT)
		record_fail("making an unloaded model the default gave %d", gone);
	return conversation_close(&c, err);
}

/* Return in @name the name of the model that was loaded first. */
static void name_first(char name[32])
{
	const char *base = strrchr(model_path, '/');

	snprintf(name, 32, "%s", base ? base + 1 : model_path);
	if (strlen(name) > 5)
		name[strlen(name) - 5] = '\0';	/* .gguf */
}

/* Load the first model a second time and make it the default: answers must stay the same. */
int run_default(void)
{
	const struct question *q = question_choose(&texts);
	char name[32], first[32];
	struct stat facts;
	struct conversation c;
	int gone, err;

	if (stat(model_path, &facts) || facts.st_size > SMALL_BYTES)
		return 0;
	name_first(first);
	err = load_model(model_path, name);
	if (err)
		return err;
	err = control("default %s", name);
	if (err)
		record_fail("default %s: %d", name, err);
	err = conversation_ask_private(&c, q);
	if (!err)
		err = answer_read(c.prompt, q);
	conversation_close(&c, 0);
	/* -EBUSY if it is still the default: no other client chose one meanwhile. */
	gone = control("unload %s", name);
	if (gone == -EBUSY) {
		gone = control("default %s", first);
		if (!gone)
			gone = control("unload %s", name);
	}
	if (gone)
		record_fail("unloading a former default gave %d", gone);
	return err;
}

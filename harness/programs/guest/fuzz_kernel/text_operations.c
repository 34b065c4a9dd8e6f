// SPDX-License-Identifier: GPL-2.0
/* Writes of prompts, options, commands and token ids. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../shared/procfs.h"
#include "files.h"
#include "memory.h"
#include "operations.h"
#include "results.h"
#include "texts.h"

/* Make a prompt at the beginning of the area. Return: its length in bytes. */
static size_t make_prompt(const struct operation *o)
{
	struct text text = prompt_text(o->a);
	size_t n, rounds = o->b < 224 ? 1 : 8u << (o->b & 7);

	for (n = 0; rounds-- && n + text.n <= AREA; n += text.n)
		memcpy(area + n, text.data, text.n);
	if (o->c >= 192 && n)
		n -= o->c % n;
	if (o->d >= 192 && n)
		area[o->d % n] ^= o->e;
	return n;
}

long do_write(const struct operation *o)
{
	size_t n = make_prompt(o);

	return write(files_get(o->file), memory_pointer_to(o->f, n), n);
}

long do_ask(const struct operation *o)
{
	size_t n = make_prompt(o);
	int fd = files_get(o->file);
	long done = write(fd, area, n);

	return done < 0 ? done : file_read_all(fd, 1 + o->f);
}

long do_write_size(const struct operation *o)
{
	size_t n = transfer_size(o->a);

	memset(area, o->c < 128 ? 'x' : o->c, AREA);
	return write(files_get(o->file), memory_pointer(o->b, n), n);
}

/* Write the first @n bytes of the area to the file at @path, or to any open file. */
static long write_area(const struct operation *o, const char *path, size_t n)
{
	int fd;

	if (o->file < 128) {
		fd = open(path, O_RDWR);
		if (fd < 0)
			return fd;
		files_put(o->file, fd);
	}
	return write(files_get(o->file), area, n);
}

long do_write_options(const struct operation *o)
{
	int n;

	if (o->f < 128)
		n = snprintf(area, AREA, "%s %s\n", option_key(o->a), option_value(o->b));
	else
		n = snprintf(area, AREA, "%s %s\n%s%s%s", option_key(o->a), option_value(o->b),
			     option_key(o->c), o->e & 1 ? " " : "", option_value(o->d));
	return write_area(o, "/proc/llamux/options", n);
}

long do_write_command(const struct operation *o)
{
	const char *verb = command_verb(o->a);
	int n;

	if (!strcmp(verb, "load") || o->d >= 224)
		n = snprintf(area, AREA, "%s %s %s%s", verb, command_path(o->b), model_name(o->c),
			     o->e >= 224 ? " x" : "");
	else
		n = snprintf(area, AREA, "%s %s", verb, model_name(o->c));
	results->commanded = 1;
	return write_area(o, "/proc/llamux/control", n);
}

long do_write_tokens(const struct operation *o)
{
	size_t n = 0;
	int i;

	if (o->a >= 128)
		n += snprintf(area, AREA, "batch %llu ", (unsigned long long)number_at(o->b));
	for (i = 0; i < o->c % 24; i++)
		n += snprintf(area + n, AREA - n, "%u ", o->d + 37u * i);
	if (o->e >= 192)
		n += snprintf(area + n, AREA - n, "%llu%c", (unsigned long long)number_at(o->e),
			      o->f < 224 ? ' ' : o->f);
	return write_area(o, "/proc/llamux/logits", n);
}

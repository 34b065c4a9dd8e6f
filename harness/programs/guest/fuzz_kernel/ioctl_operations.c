// SPDX-License-Identifier: GPL-2.0
/* Ioctls of /proc/llamux, with good and bad arguments. */
#include <string.h>
#include <sys/ioctl.h>

#include <uapi/llamux.h>

#include "../../shared/array.h"
#include "files.h"
#include "memory.h"
#include "operations.h"
#include "texts.h"

/* Set options that the module takes. */
static void make_options(struct llamux_ioc_options *u)
{
	*u = (struct llamux_ioc_options){
		.top_p = 65536,
		.repeat_penalty = 65536,
		.max_tokens = 3,
		.speculate = 7,
		.chat_template = LLAMUX_TEMPLATE_AUTO,
		.n_system = LLAMUX_OWN_SYSTEM,
	};
}

/* Return a number near @limit, where checks are, for most values. */
static uint32_t about(uint32_t limit, uint8_t value)
{
	return value < 128 ? limit - 2 + value % 5 : (uint32_t)number_at(value);
}

/* Change one field of the options. */
static void change_options(struct llamux_ioc_options *u, uint8_t field, uint8_t value)
{
	uint32_t *numbers[] = {
		&u->temperature, &u->top_k, &u->top_p, &u->min_p, &u->repeat_penalty,
		&u->max_tokens, &u->speculate, (uint32_t *)&u->chat_template, &u->n_stops,
		&u->n_system, &u->reserved,
	};
	uint32_t i = field % 20;

	if (i < ARRAY_SIZE(numbers)) {
		*numbers[i] = number_at(value);
		return;
	}
	switch (i) {
	case 11:
		u->seed = number_at(value);
		break;
	case 12:
		u->n_stops = about(LLAMUX_STOPS, value);
		memset(u->stop_bytes, about(LLAMUX_STOP_BYTES, value), sizeof(u->stop_bytes));
		memset(u->stops, 'e', sizeof(u->stops));
		break;
	case 13:
		u->n_stops = 1 + value % 4;
		memset(u->stop_bytes, 1 + value % 3, sizeof(u->stop_bytes));
		memset(u->stops, value < 128 ? 'e' : value, sizeof(u->stops));
		break;
	case 14:
		/* A name that is too long is cut off and has no NUL. */
		memcpy(u->model, model_name(value), strnlen(model_name(value), sizeof(u->model)));
		break;
	case 15:
		memset(u->model, value, sizeof(u->model));
		break;
	case 16:
		u->n_system = about(LLAMUX_SYSTEM_BYTES, value);
		memset(u->system, value < 224 ? 's' : value, sizeof(u->system));
		break;
	default:
		((uint8_t *)u)[value * 17 % sizeof(*u)] ^= field;
	}
}

/* Return the ioctl of a program whose structure has @size bytes. */
static unsigned long command_of_size(unsigned long command, size_t size)
{
	return (command & ~((unsigned long)_IOC_SIZEMASK << _IOC_SIZESHIFT)) |
	       size << _IOC_SIZESHIFT;
}

/* Return the size of a structure of another version, near a limit for most values. */
static size_t other_size(uint8_t value)
{
	return value < 128 ? about(LLAMUX_OPTIONS_SIZE_VER0, value) :
	       value < 192 ? sizeof(struct llamux_ioc_options) + value % 32 :
			     value * 64;
}

long do_set_options(const struct operation *o)
{
	struct llamux_ioc_options *u = (void *)area;
	size_t size = sizeof(*u);

	make_options(u);
	change_options(u, o->a, o->b);
	if (o->c >= 128) {
		change_options(u, o->d, o->e);
	} else if (o->c >= 64) {
		size = other_size(o->d);
		memset(u + 1, 0, size > sizeof(*u) ? size - sizeof(*u) : 0);
		if (size > sizeof(*u) && o->e >= 128)
			((uint8_t *)u)[size - 1] = o->e;
	}
	return ioctl(files_get(o->file), command_of_size(LLAMUX_IOC_SET_OPTIONS, size),
		     memory_pointer_to(o->f, size));
}

long do_ioctl(const struct operation *o)
{
	static const unsigned long commands[] = {
		LLAMUX_IOC_GET_OPTIONS, LLAMUX_IOC_FIGURES, LLAMUX_IOC_RESET,
		LLAMUX_IOC_SET_OPTIONS, LLAMUX_IOC_RESET, LLAMUX_IOC_FIGURES,
		FIONBIO, FIOASYNC, FIONREAD, FIOCLEX, TCGETS,
	};
	unsigned long command = commands[o->a % ARRAY_SIZE(commands)];

	if (o->d >= 192)
		command ^= 1ul << o->e % 40;
	if (o->c >= 224)
		return ioctl(files_get(o->file), command, number_at(o->b));
	return ioctl(files_get(o->file), command, memory_pointer(o->b, PAGE));
}

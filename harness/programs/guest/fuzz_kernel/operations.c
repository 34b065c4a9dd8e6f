// SPDX-License-Identifier: GPL-2.0
/*
 * The table of operations, and programs made of them. Whatever a system call returns is right: the
 * kernel's log decides.
 */
#include <errno.h>
#include <unistd.h>

#include "../../shared/array.h"
#include "files.h"
#include "memory.h"
#include "operations.h"
#include "results.h"

/* The index is the kind: a change of the order changes the meaning of every input. */
static const struct {
	const char *name;
	long (*run)(const struct operation *o);
} kinds[] = {
	{ "open", do_open },
	{ "open", do_open },
	{ "open", do_open },
	{ "close", do_close },
	{ "read", do_read },
	{ "read", do_read },
	{ "pread", do_pread },
	{ "pwrite", do_pwrite },
	{ "read all", do_read_all },
	{ "write", do_write },
	{ "write", do_write },
	{ "ask", do_ask },
	{ "ask", do_ask },
	{ "write size", do_write_size },
	{ "options", do_write_options },
	{ "options", do_write_options },
	{ "command", do_write_command },
	{ "command", do_write_command },
	{ "tokens", do_write_tokens },
	{ "tokens", do_write_tokens },
	{ "vector", do_vector },
	{ "seek", do_seek },
	{ "set options", do_set_options },
	{ "set options", do_set_options },
	{ "ioctl", do_ioctl },
	{ "ioctl", do_ioctl },
	{ "poll", do_poll },
	{ "epoll", do_epoll },
	{ "nonblock", do_nonblock },
	{ "dup", do_dup },
	{ "interrupt", do_interrupt },
	{ "sleep", do_sleep },
	{ "signal", do_signal },
	{ "become user", do_become_user },
	{ "session", do_session },
	{ "schedule", do_schedule },
	{ "splice", do_splice },
	{ "map", do_map },
	{ "other", do_other },
	{ "remove module", do_remove_module },
	{ "change memory", do_change_memory },
	{ "fork", NULL },
	{ "fail allocation", do_fail_allocation },
	{ "ring", do_ring },
};

_Static_assert(ARRAY_SIZE(kinds) <= MAX_KINDS, "a kind is six bits");

const uint32_t n_operation_kinds = ARRAY_SIZE(kinds);

const char *operation_name(uint32_t kind)
{
	return kinds[kind].name;
}

/* Return the index of an operation in the table. */
static uint32_t kind_of(const struct operation *o)
{
	return (o->kind & 63) % ARRAY_SIZE(kinds);
}

/* Do one operation and note its errno. */
static void run_one(const struct operation *o)
{
	uint32_t k = kind_of(o);
	int err;

	errno = 0;
	err = kinds[k].run(o) < 0 ? errno : 0;
	if (err < MAX_ERRNO)
		results->errnos[k][err] = 1;
	results->details[(k * 16 + o->a % 16 + err * 2027) % N_DETAILS] = 1;
}

/*
 * Fork a process that does the next operations with the same files.
 * Return: number of operations that it does; 0 if it cannot be forked.
 */
static uint32_t fork_for(const struct input *input, uint32_t i, uint32_t to, uint32_t t, uint32_t n)
{
	const struct operation *o = input_operation(input, i);
	uint32_t number, steps = 1 + o->a % 6;
	pid_t pid;

	if (steps > to - i - 1)
		steps = to - i - 1;
	number = __atomic_fetch_add(&results->n_processes, 1, __ATOMIC_RELAXED);
	if (number >= MAX_PROCESSES)
		return 0;
	pid = fork();
	if (pid < 0)
		return 0;
	if (pid) {
		__atomic_store_n(&results->processes[number], pid, __ATOMIC_RELAXED);
		return steps;
	}
	if (o->b >= 192)
		_exit(0);
	operations_run(input, i + 1, i + 1 + steps, t, n);
	files_close();
	_exit(0);
}

void operations_run(const struct input *input, uint32_t from, uint32_t to, uint32_t t, uint32_t n)
{
	const struct operation *o;
	uint32_t i;

	for (i = from; i < to; i++) {
		o = input_operation(input, i);
		if (n > 1 && (o->kind >> 6) % n != t)
			continue;
		if (kinds[kind_of(o)].run)
			run_one(o);
		else
			i += fork_for(input, i, to, t, n);
	}
}

/* SPDX-License-Identifier: GPL-2.0 */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include <stddef.h>

#include "input.h"

extern const uint32_t n_operation_kinds;

/* Return: the name of a kind of operation. */
const char *operation_name(uint32_t kind);

/**
 * operations_run() - Do operations of an input.
 * @input: The input.
 * @from:  Index of the first operation.
 * @to:    Index behind the last operation.
 * @t:     Thread that calls; other threads' operations are left out unless @n is 1.
 * @n:     Number of threads.
 */
void operations_run(const struct input *input, uint32_t from, uint32_t to, uint32_t t, uint32_t n);

/* The operations. Return: -1 with errno set if the call failed. */
long do_ask(const struct operation *o);
long do_become_user(const struct operation *o);
long do_change_memory(const struct operation *o);
long do_close(const struct operation *o);
long do_dup(const struct operation *o);
long do_epoll(const struct operation *o);
long do_fail_allocation(const struct operation *o);
long do_interrupt(const struct operation *o);
long do_ioctl(const struct operation *o);
long do_map(const struct operation *o);
long do_nonblock(const struct operation *o);
long do_open(const struct operation *o);
long do_other(const struct operation *o);
long do_poll(const struct operation *o);
long do_pread(const struct operation *o);
long do_pwrite(const struct operation *o);
long do_read(const struct operation *o);
long do_read_all(const struct operation *o);
long do_remove_module(const struct operation *o);
long do_ring(const struct operation *o);
long do_schedule(const struct operation *o);
long do_seek(const struct operation *o);
long do_session(const struct operation *o);
long do_set_options(const struct operation *o);
long do_signal(const struct operation *o);
long do_sleep(const struct operation *o);
long do_splice(const struct operation *o);
long do_vector(const struct operation *o);
long do_write(const struct operation *o);
long do_write_command(const struct operation *o);
long do_write_options(const struct operation *o);
long do_write_size(const struct operation *o);
long do_write_tokens(const struct operation *o);

/* Read from a file to its end, @step bytes at a time, 64 times at most. Return: the last result. */
long file_read_all(int fd, size_t step);

#endif

// SPDX-License-Identifier: GPL-2.0
/* System calls on open files: open, read, seek, wait, and the rarer ones. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../shared/array.h"
#include "../../shared/procfs.h"
#include "files.h"
#include "memory.h"
#include "operations.h"
#include "texts.h"

#define MAX_READS 64

static const char *const paths[] = {
	PROMPT, PROMPT, CHAT, OPTIONS, LOGITS, CONTROL, MODELS, STATUS, STATS, "/proc/llamux",
};

long do_open(const struct operation *o)
{
	static const int modes[] = { O_RDWR, O_RDWR, O_RDONLY, O_WRONLY };
	static const int odd[] = {
		O_APPEND, O_TRUNC, O_CREAT, O_PATH, O_DIRECT, O_NOFOLLOW, O_SYNC, 3, O_TMPFILE,
	};
	const char *path = paths[o->a % ARRAY_SIZE(paths)];
	int fd, flags = modes[o->b % 4] | (o->c & 1 ? O_NONBLOCK : 0);
	char link[32];

	if (o->d >= 192)
		flags |= odd[o->d % ARRAY_SIZE(odd)];
	if (o->e >= 192) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", files_get(o->file));
		path = link;
	}
	fd = open(path, flags, 0600);
	if (fd >= 0)
		files_put(o->file, fd);
	return fd;
}

long do_close(const struct operation *o)
{
	return close(files_take(o->file));
}

long do_read(const struct operation *o)
{
	size_t n = transfer_size(o->a);

	return read(files_get(o->file), memory_pointer(o->b, n), n);
}

long do_pread(const struct operation *o)
{
	size_t n = transfer_size(o->a);

	return pread(files_get(o->file), memory_pointer(o->b, n), n, number_at(o->c));
}

long do_pwrite(const struct operation *o)
{
	size_t n = transfer_size(o->a);

	return pwrite(files_get(o->file), memory_pointer(o->b, n), n, number_at(o->c));
}

long file_read_all(int fd, size_t step)
{
	long n = 1;
	int i;

	for (i = 0; i < MAX_READS && n > 0; i++)
		n = read(fd, area, step);
	return n;
}

long do_read_all(const struct operation *o)
{
	return file_read_all(files_get(o->file), 1 + o->a * 16);
}

long do_vector(const struct operation *o)
{
	struct iovec v[4];
	uint32_t i, n = o->a % 5;

	for (i = 0; i < 4; i++) {
		v[i].iov_len = transfer_size(i & 1 ? o->c : o->b);
		v[i].iov_base = memory_pointer(i & 1 ? o->e : o->d, v[i].iov_len);
	}
	memset(area, 'v', PAGE);
	if (o->f >= 224)
		return preadv2(files_get(o->file), v, n, -1, o->f & 31);
	return o->f & 1 ? readv(files_get(o->file), v, n) : writev(files_get(o->file), v, n);
}

long do_seek(const struct operation *o)
{
	return lseek(files_get(o->file), number_at(o->a), o->b % 6);
}

long do_poll(const struct operation *o)
{
	struct pollfd waited = { .fd = files_get(o->file) };

	waited.events = o->a < 128 ? POLLIN : o->a < 192 ? POLLIN | POLLOUT : number_at(o->b);
	return poll(&waited, 1, o->c % 32);
}

long do_epoll(const struct operation *o)
{
	struct epoll_event event = { .events = o->a < 192 ? EPOLLIN : number_at(o->b) };
	int set = epoll_create1(0), fd = files_get(o->file);
	long done = epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);

	if (!done)
		done = epoll_wait(set, &event, 1, o->c % 32);
	if (o->d >= 128) {
		epoll_ctl(set, EPOLL_CTL_MOD, fd, &event);
		epoll_ctl(set, EPOLL_CTL_DEL, fd, &event);
	}
	close(set);
	return done;
}

long do_nonblock(const struct operation *o)
{
	return fcntl(files_get(o->file), F_SETFL, o->a & 1 ? O_NONBLOCK : 0);
}

long do_dup(const struct operation *o)
{
	int fd = dup(files_get(o->file));

	if (fd >= 0)
		files_put(o->a, fd);
	return fd;
}

long do_splice(const struct operation *o)
{
	int fd = files_get(o->file), ends[2];
	size_t n = transfer_size(o->b);
	long done;

	if (pipe2(ends, O_NONBLOCK))
		return -1;
	if (o->c & 1)
		write(ends[1], "spliced", 7);
	switch (o->a % 4) {
	case 0:
		done = splice(fd, NULL, ends[1], NULL, n, SPLICE_F_NONBLOCK);
		break;
	case 1:
		done = splice(ends[0], NULL, fd, NULL, n, SPLICE_F_NONBLOCK);
		break;
	case 2:
		done = sendfile(ends[1], fd, NULL, n);
		break;
	default:
		done = copy_file_range(fd, NULL, ends[1], NULL, n, 0);
	}
	close(ends[0]);
	close(ends[1]);
	return done;
}

long do_other(const struct operation *o)
{
	int fd = files_get(o->file);
	struct stat st;

	switch (o->a % 10) {
	case 0:
		return fstat(fd, &st);
	case 1:
		return ftruncate(fd, number_at(o->b));
	case 2:
		return fallocate(fd, o->c % 4, 0, number_at(o->b));
	case 3:
		return fsync(fd);
	case 4:
		return flock(fd, (o->b & 1 ? LOCK_EX : LOCK_SH) | LOCK_NB);
	case 5:
		return fcntl(fd, F_SETOWN, getpid());
	case 6:
		return fcntl(fd, F_SETFL, O_ASYNC | (o->b & 1 ? O_NONBLOCK : 0));
	case 7:
		return readahead(fd, 0, PAGE);
	case 8:
		return syscall(SYS_getdents64, fd, memory_pointer(o->b, PAGE), PAGE);
	default:
		return posix_fadvise(fd, 0, 0, o->b % 6);
	}
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Readers that wait for an answer in other calls than read().
 *
 *	readiness WAY TEXT
 *
 * These ways write TEXT to a private conversation and print the answer:
 *
 *	poll, select, epoll	wait in that call, then read without blocking
 *	aio			the same; the kernel polls in a thread of its own
 *	uring			read by io_uring from a file that blocks
 *	mixed			poll, then read a few bytes from a file that blocks
 *	slow			write and read with a page that arrives late; meanwhile another
 *				process must be able to poll
 *
 * These ways check what a file is ready for and print "ok":
 *
 *	owed	a file takes no new prompt while a process polls for the answer, and takes one later
 *	leave	begin to poll and close, fifty times
 *	errors	a file is ready if a read would fail at once
 *	hold	poll, read a byte, create /tmp/held, and end when /tmp/hold is removed
 *
 * Exit codes: 0, 1 if something is wrong (standard error says what), 2 for bad usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../shared/array.h"
#include "../../shared/die.h"
#include "../../shared/procfs.h"
#include "../../shared/ring.h"

#define FOREVER (-1)	/* the host ends this program after a time that fits the machine */
#define PAGE 4096

/* Write a text to a private conversation. Return: its descriptor. */
static int ask(const char *text, int flags)
{
	int fd = open_and_write(PROMPT, O_RDWR | flags, text);

	if (fd < 0)
		die(PROMPT);
	return fd;
}

/* Return the events of @wanted that a file is ready for within @timeout milliseconds. */
static int ready(int fd, short wanted, int timeout)
{
	struct pollfd p = { .fd = fd, .events = wanted };

	if (poll(&p, 1, timeout) < 0)
		die("poll");
	return p.revents;
}

static void wait_poll(int fd)
{
	if (ready(fd, POLLIN, FOREVER) != POLLIN)
		die("poll did not return POLLIN");
}

static void wait_select(int fd)
{
	fd_set in;

	FD_ZERO(&in);
	FD_SET(fd, &in);
	if (select(fd + 1, &in, NULL, NULL, NULL) != 1)
		die("select");
}

static void wait_epoll(int fd)
{
	static int epoll = -1;
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	if (epoll < 0) {
		epoll = epoll_create1(0);
		if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
			die("epoll");
	}
	event.events = EPOLLIN;
	if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event))
		die("epoll_ctl");
	if (epoll_wait(epoll, &event, 1, FOREVER) != 1)
		die("epoll_wait");
}

static void wait_aio(int fd)
{
	static aio_context_t context;
	struct iocb request = {
		.aio_fildes = fd, .aio_lio_opcode = IOCB_CMD_POLL, .aio_buf = POLLIN,
	}, *requests = &request;
	struct io_event event;

	if (!context && syscall(SYS_io_setup, 1, &context))
		die("io_setup");
	if (syscall(SYS_io_submit, context, 1, &requests) != 1)
		die("io_submit");
	if (syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
		die("io_getevents");
	expect(event.res == POLLIN, "aio did not return POLLIN");
}

/* Print an answer by reads that do not block; wait by @wait. */
static void drain(const char *text, void (*wait)(int fd))
{
	int fd = ask(text, O_NONBLOCK), again = 0;
	char piece[4096];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece)))) {
		if (n > 0) {
			fwrite(piece, 1, n, stdout);
		} else if (errno == EAGAIN) {
			again++;
			wait(fd);
		} else {
			die("read");
		}
	}
	expect(again, "no read had to wait");
}

/* Print an answer by polls and blocking reads. */
static void mixed(const char *text)
{
	int fd = ask(text, 0);
	char piece[5];
	ssize_t n;

	do {
		wait_poll(fd);
		n = read(fd, piece, sizeof(piece));
		if (n < 0)
			die("read");
		fwrite(piece, 1, n, stdout);
	} while (n);
}

/* Read by io_uring. Return: number of bytes or -errno. */
static int ring_read(struct ring *r, int fd, void *buffer, unsigned int n)
{
	struct io_uring_sqe request = {
		.opcode = IORING_OP_READ, .fd = fd, .off = -1, .len = n,
		.addr = (unsigned long)buffer,
	};
	int result;

	if (ring_submit(r, &request, 1, 1) < 0)
		die("io_uring_enter");
	expect(ring_take(r, &result), "no completion");
	return result;
}

/* Print an answer by reads of io_uring. */
static void uring(const char *text)
{
	int fd = ask(text, 0), n;
	struct ring ring;
	char piece[4096];

	if (!ring_open(&ring))
		die("io_uring");
	while ((n = ring_read(&ring, fd, piece, sizeof(piece)))) {
		if (n < 0) {
			errno = -n;
			die("io_uring read");
		}
		fwrite(piece, 1, n, stdout);
	}
}

/**
 * struct slow_call - A read or a write with a page that arrives late.
 * @fd:     File.
 * @call:   read() or write_from().
 * @page:   The page.
 * @n:      Bytes to read or write.
 * @result: Result of the call.
 */
struct slow_call {
	int fd;
	ssize_t (*call)(int fd, void *page, size_t n);
	char *page;
	size_t n;
	ssize_t result;
};

static ssize_t write_from(int fd, void *page, size_t n)
{
	return write(fd, page, n);
}

static void *call_slowly(void *argument)
{
	struct slow_call *c = argument;

	c->result = c->call(c->fd, c->page, c->n);
	return NULL;
}

/* Return a descriptor that reports accesses to a page that is missing. */
static int watch(char *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register pages = {
		.range = { (unsigned long)page, PAGE }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int faults = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (faults < 0 || ioctl(faults, UFFDIO_API, &api) || ioctl(faults, UFFDIO_REGISTER, &pages))
		die("userfaultfd");
	return faults;
}

/*
 * Make a call in another thread; a process polls for @event before the page arrives with @text.
 * Return: the result of the call.
 */
static ssize_t slowly(struct slow_call *c, short event, const char *text)
{
	static char content[PAGE];
	struct uffdio_copy copy = { .src = (unsigned long)content, .len = PAGE };
	struct uffd_msg fault;
	pthread_t caller;
	int faults, i, status;
	pid_t other;

	c->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	copy.dst = (unsigned long)c->page;
	strncpy(content, text, PAGE - 1);
	faults = watch(c->page);
	if (pthread_create(&caller, NULL, call_slowly, c))
		die("pthread_create");
	expect(read(faults, &fault, sizeof(fault)) == sizeof(fault), "no fault");
	other = fork();
	if (!other)
		_exit(ready(c->fd, event, 10000) != event);
	for (i = 0; i < 100 && !waitpid(other, &status, WNOHANG); i++)
		usleep(100000);
	expect(i < 100 && !status, "a process cannot poll while a page is missing");
	if (ioctl(faults, UFFDIO_COPY, &copy))
		die("UFFDIO_COPY");
	pthread_join(caller, NULL);
	close(faults);
	return c->result;
}

/* Write and read with pages that arrive late, and print the answer. */
static void slow(const char *text)
{
	struct slow_call c = { .fd = open(PROMPT, O_RDWR), .call = write_from, .n = strlen(text) };

	expect(c.fd >= 0, "open");
	expect(slowly(&c, POLLOUT, text) == (ssize_t)c.n, "the prompt was not written");
	c.call = read;
	c.n = PAGE;
	expect(slowly(&c, POLLIN, "") > 0, "nothing was read into the page");
	do
		fwrite(c.page, 1, c.result, stdout);
	while ((c.result = read(c.fd, c.page, PAGE)) > 0);
	expect(!c.result, "read");
}

/* Check that a file takes no prompt while a process polls for the answer. */
static void owed(const char *text)
{
	int out = open(PROMPT, O_WRONLY | O_NONBLOCK);
	int in = open(PROMPT, O_RDONLY | O_NONBLOCK);
	size_t n = strlen(text);
	char piece[4096];

	expect(out >= 0 && in >= 0, "open");
	expect(write(out, text, n) == (ssize_t)n, "write");
	expect(ready(out, POLLOUT, 0) == POLLOUT, "not ready for a prompt without a poller");
	expect(ready(in, POLLOUT, 0) == POLLOUT, "a poll for POLLOUT started the answer");
	expect(ready(out, POLLOUT, 0) == POLLOUT, "a poll for POLLOUT started the answer");
	expect(ready(in, POLLIN, FOREVER) == POLLIN, "the poll for the answer failed");
	expect(!ready(out, POLLOUT, 0), "ready for a prompt before the answer was read");
	expect(write(out, text, n) < 0 && errno == EBUSY, "a write while streaming: no EBUSY");
	expect(read(in, piece, sizeof(piece)) > 0, "ready, but a read returned nothing");
	close(in);
	expect(ready(out, POLLOUT, FOREVER) == POLLOUT, "not ready for a prompt, no reader left");
	expect(write(out, text, n) == (ssize_t)n, "a prompt was refused without the reader");
	puts("ok");
}

/* Begin to poll and close, with and without waiting. */
static void leave(const char *text)
{
	int i, fd;

	for (i = 0; i < 50; i++) {
		fd = ask(text, O_NONBLOCK);
		ready(fd, POLLIN, i % 5);
		close(fd);
	}
	puts("ok");
}

/* Check that a file is ready if a read would fail at once. */
static void errors(const char *text)
{
	int fd = open(PROMPT, O_RDWR | O_NONBLOCK);
	char piece[16];

	expect(fd >= 0, "open");
	expect(ready(fd, POLLIN, 0) == POLLIN, "not ready without a prompt");
	expect(read(fd, piece, sizeof(piece)) < 0 && errno == ENODATA, "a read: no ENODATA");
	expect(write(fd, "\xc3", 1) == 1, "write");
	expect(ready(fd, POLLIN, 0) == POLLIN, "not ready after half a character");
	expect(read(fd, piece, sizeof(piece)) < 0 && errno == EILSEQ, "a read: no EILSEQ");
	close(fd);
	fd = ask(text, 0);
	expect(preadv2(fd, &(struct iovec){ piece, sizeof(piece) }, 1, -1, RWF_NOWAIT) < 0 &&
	       errno == EAGAIN, "RWF_NOWAIT: no EAGAIN");
	puts("ok");
}

/* Keep an answer that was begun until /tmp/hold is removed. */
static void hold(const char *text)
{
	int fd = ask(text, O_NONBLOCK);
	char byte;

	wait_poll(fd);
	expect(read(fd, &byte, 1) == 1, "ready, but a read returned nothing");
	close(creat("/tmp/held", 0600));
	while (!access("/tmp/hold", F_OK))
		usleep(100000);
	puts("ok");
}

/* A way: drain() with @wait, or @run. */
static const struct way {
	const char *name;
	void (*wait)(int fd);
	void (*run)(const char *text);
} ways[] = {
	{ "poll", .wait = wait_poll },
	{ "select", .wait = wait_select },
	{ "epoll", .wait = wait_epoll },
	{ "aio", .wait = wait_aio },
	{ "uring", .run = uring },
	{ "mixed", .run = mixed },
	{ "slow", .run = slow },
	{ "owed", .run = owed },
	{ "leave", .run = leave },
	{ "errors", .run = errors },
	{ "hold", .run = hold },
};

int main(int argc, char **argv)
{
	const struct way *way = ways, *end = ways + ARRAY_SIZE(ways);

	while (argc == 3 && way < end && strcmp(argv[1], way->name))
		way++;
	if (argc != 3 || way == end)
		return 2;
	if (way->wait)
		drain(argv[2], way->wait);
	else
		way->run(argv[2]);
	return fflush(stdout) ? 1 : 0;
}

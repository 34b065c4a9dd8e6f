// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that do not want to wait in read(). "readiness WAY TEXT" asks
 * /proc/llamux/prompt through a private conversation and prints the answer;
 * the ways:
 *
 *	poll, select, epoll	then a read that does not block
 *	aio			likewise; the kernel polls in a thread of its own
 *	uring			reads by io_uring, of a file that blocks
 *	mixed			polls, then blocking reads of few bytes
 *	slow			the write and the first read are of a page that is a long time
 *				coming, and meanwhile another process can poll
 *
 * Others check what a file is ready for and print "ok":
 *
 *	owed	no new prompt while somebody polls for the answer; one afterwards
 *	leave	many times: begin to poll, and close
 *	errors	what a read would fail with at once counts as ready
 *	hold	poll, read a byte, and go on when there is no /tmp/hold any more
 *
 * What fails is printed and ends it with 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
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

#define PROMPT "/proc/llamux/prompt"
#define FOREVER (-1)	/* who runs this knows how slow the machine is, and ends it */
#define PAGE 4096

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void expect(int holds, const char *what)
{
	if (holds)
		return;
	errno = 0;
	fail(what);
}

static int asked(const char *text, int flags)
{
	int fd = open(PROMPT, O_RDWR | flags);

	if (fd < 0)
		fail("open");
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail("write");
	return fd;
}

static int ready(int fd, short wanted, int timeout)
{
	struct pollfd p = { .fd = fd, .events = wanted };

	if (poll(&p, 1, timeout) < 0)
		fail("poll");
	return p.revents;
}

static void wait_poll(int fd)
{
	if (ready(fd, POLLIN, FOREVER) != POLLIN)
		fail("poll says nothing");
}

static void wait_select(int fd)
{
	fd_set in;

	FD_ZERO(&in);
	FD_SET(fd, &in);
	if (select(fd + 1, &in, NULL, NULL, NULL) != 1)
		fail("select");
}

static void wait_epoll(int fd)
{
	static int epoll = -1;
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	if (epoll < 0) {
		epoll = epoll_create1(0);
		if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
			fail("epoll");
	}
	event.events = EPOLLIN;
	if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event))
		fail("epoll_ctl");
	if (epoll_wait(epoll, &event, 1, FOREVER) != 1)
		fail("epoll_wait");
}

static void wait_aio(int fd)
{
	static aio_context_t context;
	struct iocb request = {
		.aio_fildes = fd, .aio_lio_opcode = IOCB_CMD_POLL, .aio_buf = POLLIN,
	}, *requests = &request;
	struct io_event event;

	if (!context && syscall(SYS_io_setup, 1, &context))
		fail("io_setup");
	if (syscall(SYS_io_submit, context, 1, &requests) != 1)
		fail("io_submit");
	if (syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
		fail("io_getevents");
	expect(event.res == POLLIN, "aio says nothing");
}

/* Reads that do not block. */
static void drain(const char *text, void (*wait)(int fd))
{
	int fd = asked(text, O_NONBLOCK), again = 0;
	char piece[4096];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece)))) {
		if (n > 0) {
			fwrite(piece, 1, n, stdout);
		} else if (errno == EAGAIN) {
			again++;
			wait(fd);
		} else {
			fail("read");
		}
	}
	expect(again, "a read that ought to have found nothing had something");
}

static void mixed(const char *text)
{
	int fd = asked(text, 0);
	char piece[5];
	ssize_t n;

	do {
		wait_poll(fd);
		n = read(fd, piece, sizeof(piece));
		if (n < 0)
			fail("read");
		fwrite(piece, 1, n, stdout);
	} while (n);
}

struct ring {
	int fd;
	unsigned int *tail, *mask, *array;
	unsigned int *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *entries;
	struct io_uring_cqe *completions;
};

static void *map(int fd, size_t n, off_t offset)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

static struct ring make_ring(void)
{
	struct io_uring_params p = { 0 };
	struct ring r = { .fd = syscall(SYS_io_uring_setup, 4, &p) };
	char *sq, *cq;

	if (r.fd < 0)
		fail("io_uring_setup");
	sq = map(r.fd, p.sq_off.array + p.sq_entries * sizeof(unsigned int), IORING_OFF_SQ_RING);
	cq = map(r.fd, p.cq_off.cqes + p.cq_entries * sizeof(*r.completions), IORING_OFF_CQ_RING);
	r.entries = map(r.fd, p.sq_entries * sizeof(*r.entries), IORING_OFF_SQES);
	r.tail = (void *)(sq + p.sq_off.tail);
	r.mask = (void *)(sq + p.sq_off.ring_mask);
	r.array = (void *)(sq + p.sq_off.array);
	r.cq_head = (void *)(cq + p.cq_off.head);
	r.cq_tail = (void *)(cq + p.cq_off.tail);
	r.cq_mask = (void *)(cq + p.cq_off.ring_mask);
	r.completions = (void *)(cq + p.cq_off.cqes);
	return r;
}

static int ring_read(struct ring *r, int fd, void *buffer, unsigned int n)
{
	unsigned int slot = *r->tail & *r->mask;
	int result;

	r->entries[slot] = (struct io_uring_sqe){
		.opcode = IORING_OP_READ, .fd = fd, .off = -1, .addr = (unsigned long)buffer, .len = n,
	};
	r->array[slot] = slot;
	__atomic_store_n(r->tail, *r->tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		fail("io_uring_enter");
	expect(__atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) != *r->cq_head, "no completion");
	result = r->completions[*r->cq_head & *r->cq_mask].res;
	__atomic_store_n(r->cq_head, *r->cq_head + 1, __ATOMIC_RELEASE);
	return result;
}

static void uring(const char *text)
{
	struct ring ring = make_ring();
	int fd = asked(text, 0), n;
	char piece[4096];

	while ((n = ring_read(&ring, fd, piece, sizeof(piece)))) {
		if (n < 0) {
			errno = -n;
			fail("io_uring read");
		}
		fwrite(piece, 1, n, stdout);
	}
}

/* A read, or a write, of a page that is a long time coming. */
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

/* What tells of accesses to a page of which there is none yet. */
static int watch(char *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register pages = {
		.range = { (unsigned long)page, PAGE }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int faults = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (faults < 0 || ioctl(faults, UFFDIO_API, &api) || ioctl(faults, UFFDIO_REGISTER, &pages))
		fail("userfaultfd");
	return faults;
}

/* Meanwhile another process polls for @event. The page comes with @text. Return: its result. */
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
		fail("pthread_create");
	expect(read(faults, &fault, sizeof(fault)) == sizeof(fault), "no fault");
	other = fork();
	if (!other)
		_exit(ready(c->fd, event, 10000) != event);
	for (i = 0; i < 100 && !waitpid(other, &status, WNOHANG); i++)
		usleep(100000);
	expect(i < 100 && !status, "nobody can poll while a page is a long time coming");
	if (ioctl(faults, UFFDIO_COPY, &copy))
		fail("UFFDIO_COPY");
	pthread_join(caller, NULL);
	close(faults);
	return c->result;
}

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

static void owed(const char *text)
{
	int out = open(PROMPT, O_WRONLY | O_NONBLOCK);
	int in = open(PROMPT, O_RDONLY | O_NONBLOCK);
	size_t n = strlen(text);
	char piece[4096];

	expect(out >= 0 && in >= 0, "open");
	expect(write(out, text, n) == (ssize_t)n, "write");
	expect(ready(out, POLLOUT, 0) == POLLOUT, "nobody polls, and no prompt can be written");
	expect(ready(in, POLLOUT, 0) == POLLOUT, "asking for POLLOUT began the answer");
	expect(ready(out, POLLOUT, 0) == POLLOUT, "asking for POLLOUT began the answer");
	expect(ready(in, POLLIN, FOREVER) == POLLIN, "no answer");
	expect(!ready(out, POLLOUT, 0), "a prompt can be written while an answer is owed");
	expect(write(out, text, n) < 0 && errno == EBUSY, "a prompt was written");
	expect(read(in, piece, sizeof(piece)) > 0, "ready, and nothing to read");
	close(in);
	expect(ready(out, POLLOUT, FOREVER) == POLLOUT, "nobody is owed it any more");
	expect(write(out, text, n) == (ssize_t)n, "it is still owed");
	puts("ok");
}

static void leave(const char *text)
{
	int i, fd;

	for (i = 0; i < 50; i++) {
		fd = asked(text, O_NONBLOCK);
		ready(fd, POLLIN, i % 5);
		close(fd);
	}
	puts("ok");
}

static void errors(const char *text)
{
	int fd = open(PROMPT, O_RDWR | O_NONBLOCK);
	char piece[16];

	expect(fd >= 0, "open");
	expect(ready(fd, POLLIN, 0) == POLLIN, "no prompt, and not ready");
	expect(read(fd, piece, sizeof(piece)) < 0 && errno == ENODATA, "not ENODATA");
	expect(write(fd, "\xc3", 1) == 1, "write");
	expect(ready(fd, POLLIN, 0) == POLLIN, "half a character, and not ready");
	expect(read(fd, piece, sizeof(piece)) < 0 && errno == EILSEQ, "not EILSEQ");
	close(fd);
	fd = asked(text, 0);
	expect(preadv2(fd, &(struct iovec){ piece, sizeof(piece) }, 1, -1, RWF_NOWAIT) < 0 &&
	       errno == EAGAIN, "RWF_NOWAIT waited");
	puts("ok");
}

static void hold(const char *text)
{
	int fd = asked(text, O_NONBLOCK);
	char byte;

	wait_poll(fd);
	expect(read(fd, &byte, 1) == 1, "ready, and nothing to read");
	close(creat("/tmp/held", 0600));
	while (!access("/tmp/hold", F_OK))
		usleep(100000);
	puts("ok");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	if (!strcmp(argv[1], "poll"))
		drain(argv[2], wait_poll);
	else if (!strcmp(argv[1], "select"))
		drain(argv[2], wait_select);
	else if (!strcmp(argv[1], "epoll"))
		drain(argv[2], wait_epoll);
	else if (!strcmp(argv[1], "aio"))
		drain(argv[2], wait_aio);
	else if (!strcmp(argv[1], "slow"))
		slow(argv[2]);
	else if (!strcmp(argv[1], "uring"))
		uring(argv[2]);
	else if (!strcmp(argv[1], "mixed"))
		mixed(argv[2]);
	else if (!strcmp(argv[1], "owed"))
		owed(argv[2]);
	else if (!strcmp(argv[1], "leave"))
		leave(argv[2]);
	else if (!strcmp(argv[1], "errors"))
		errors(argv[2]);
	else if (!strcmp(argv[1], "hold"))
		hold(argv[2]);
	else
		return 2;
	return fflush(stdout) ? 1 : 0;
}

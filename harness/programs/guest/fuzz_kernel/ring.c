// SPDX-License-Identifier: GPL-2.0
/* The same calls by way of io_uring: other tasks of the kernel make them then. */
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/io_uring.h>

#include "fuzz.h"

#define ENTRIES 4
#define AT(memory, offset) ((uint32_t *)((char *)(memory) + (offset)))

struct ring {
	int fd;
	struct io_uring_params params;
	void *queue;
	size_t queue_bytes;
	struct io_uring_sqe *sqes;
	size_t sqes_bytes;
};

static bool ring_open(struct ring *r)
{
	const struct io_uring_params *p = &r->params;

	r->fd = syscall(SYS_io_uring_setup, ENTRIES, &r->params);
	if (r->fd < 0)
		return false;
	r->queue_bytes = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	r->sqes_bytes = p->sq_entries * sizeof(*r->sqes);
	r->queue = mmap(NULL, r->queue_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
			IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, r->sqes_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		       IORING_OFF_SQES);
	return r->queue != MAP_FAILED && r->sqes != MAP_FAILED;
}

static void ring_close(struct ring *r)
{
	if (r->fd < 0)
		return;
	if (r->queue && r->queue != MAP_FAILED)
		munmap(r->queue, r->queue_bytes);
	if (r->sqes && r->sqes != MAP_FAILED)
		munmap(r->sqes, r->sqes_bytes);
	close(r->fd);
}

/* Queue the same call @n times. */
static void ring_fill(struct ring *r, const struct io_uring_sqe *sqe, uint32_t n)
{
	uint32_t *array = AT(r->queue, r->params.sq_off.array);
	uint32_t i;

	for (i = 0; i < n; i++) {
		r->sqes[i] = *sqe;
		array[i] = i;
	}
	__atomic_store_n(AT(r->queue, r->params.sq_off.tail), n, __ATOMIC_RELEASE);
}

long ring_transfer(int fd, uint8_t how, void *data, uint32_t size, bool wait)
{
	static const uint8_t codes[] = {
		IORING_OP_READ, IORING_OP_WRITE, IORING_OP_POLL_ADD, IORING_OP_CLOSE,
		IORING_OP_FSYNC, IORING_OP_STATX,
	};
	struct io_uring_sqe sqe = { .fd = fd, .addr = (uintptr_t)data, .len = size };
	uint32_t n = 1 + (how >> 6);
	struct ring r = { };
	long done = -1;

	sqe.opcode = codes[(how & 31) % ARRAY_SIZE(codes)];
	sqe.flags = how & 32 ? IOSQE_ASYNC : 0;
	sqe.off = -1;
	if (sqe.opcode == IORING_OP_POLL_ADD) {
		sqe = (struct io_uring_sqe){ .opcode = sqe.opcode, .fd = fd, .poll32_events = 1 };
		wait = false;
	}
	if (sqe.opcode == IORING_OP_CLOSE)
		sqe = (struct io_uring_sqe){ .opcode = sqe.opcode, .fd = dup(fd) };
	if (ring_open(&r)) {
		ring_fill(&r, &sqe, n);
		done = syscall(SYS_io_uring_enter, r.fd, n, wait ? n : 0,
			       wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
	}
	ring_close(&r);
	return done;
}

// SPDX-License-Identifier: GPL-2.0
/* System calls by way of io_uring. */
#include <string.h>
#include <unistd.h>

#include "../../shared/array.h"
#include "../../shared/ring.h"
#include "files.h"
#include "memory.h"
#include "operations.h"
#include "texts.h"

/* Make a request of the code that @how names. */
static struct io_uring_sqe make_request(int fd, uint8_t how, void *data, uint32_t size)
{
	static const uint8_t codes[] = {
		IORING_OP_READ, IORING_OP_WRITE, IORING_OP_POLL_ADD, IORING_OP_CLOSE,
		IORING_OP_FSYNC, IORING_OP_STATX,
	};
	uint8_t code = codes[(how & 31) % ARRAY_SIZE(codes)];

	switch (code) {
	case IORING_OP_POLL_ADD:
		return (struct io_uring_sqe){ .opcode = code, .fd = fd, .poll32_events = 1 };
	case IORING_OP_CLOSE:
		return (struct io_uring_sqe){ .opcode = code, .fd = dup(fd) };
	default:
		return (struct io_uring_sqe){
			.opcode = code, .flags = how & 32 ? IOSQE_ASYNC : 0, .fd = fd, .off = -1,
			.addr = (uintptr_t)data, .len = size,
		};
	}
}

long do_ring(const struct operation *o)
{
	size_t size = transfer_size(o->b);
	uint32_t n = 1 + (o->a >> 6);
	struct io_uring_sqe request;
	struct ring r;
	bool wait;
	long done = -1;

	memset(area, 'r', PAGE);
	request = make_request(files_get(o->file), o->a, memory_pointer(o->c, size), size);
	/* A poll may never complete. */
	wait = o->d & 1 && request.opcode != IORING_OP_POLL_ADD;
	if (ring_open(&r))
		done = ring_submit(&r, &request, n, wait ? n : 0);
	ring_close(&r);
	return done;
}

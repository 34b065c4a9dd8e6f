/* SPDX-License-Identifier: GPL-2.0 */
/* System calls by way of io_uring, in which another task of the kernel may make them. */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/io_uring.h>

#define RING_ENTRIES 4

/**
 * struct ring - A ring for RING_ENTRIES requests.
 * @fd:       Descriptor of the ring, or -1.
 * @params:   Offsets and sizes, filled by the kernel.
 * @queues:   Mapping of both queues, @queues_bytes long.
 * @requests: Mapping of the requests, @requests_bytes long.
 */
struct ring {
	int fd;
	struct io_uring_params params;
	void *queues;
	size_t queues_bytes;
	struct io_uring_sqe *requests;
	size_t requests_bytes;
};

static inline uint32_t *ring_word(struct ring *r, uint32_t offset)
{
	return (uint32_t *)((char *)r->queues + offset);
}

static inline void *ring_map(struct ring *r, size_t n, off_t offset)
{
	return mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, offset);
}

/* Make a ring. Return: true, or false with errno set; ring_close() is due in both cases. */
static inline bool ring_open(struct ring *r)
{
	const struct io_uring_params *p = &r->params;
	size_t submission, completion;

	*r = (struct ring){ .queues = MAP_FAILED, .requests = MAP_FAILED };
	r->fd = syscall(SYS_io_uring_setup, RING_ENTRIES, &r->params);
	if (r->fd < 0)
		return false;
	submission = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	completion = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	r->queues_bytes = submission > completion ? submission : completion;
	r->requests_bytes = p->sq_entries * sizeof(*r->requests);
	r->queues = ring_map(r, r->queues_bytes, IORING_OFF_SQ_RING);
	r->requests = ring_map(r, r->requests_bytes, IORING_OFF_SQES);
	return r->queues != MAP_FAILED && r->requests != MAP_FAILED;
}

static inline void ring_close(struct ring *r)
{
	if (r->queues != MAP_FAILED)
		munmap(r->queues, r->queues_bytes);
	if (r->requests != MAP_FAILED)
		munmap(r->requests, r->requests_bytes);
	if (r->fd >= 0)
		close(r->fd);
}

/**
 * ring_submit() - Submit the same request several times.
 * @r:       An open ring.
 * @request: The request.
 * @n:       Number of copies, at most RING_ENTRIES.
 * @n_wait:  Number of completions to wait for.
 *
 * Return: Number of requests that the kernel took, or -1 with errno set.
 */
static inline long ring_submit(struct ring *r, const struct io_uring_sqe *request, uint32_t n,
			       uint32_t n_wait)
{
	uint32_t *tail = ring_word(r, r->params.sq_off.tail);
	uint32_t *array = ring_word(r, r->params.sq_off.array);
	uint32_t mask = *ring_word(r, r->params.sq_off.ring_mask);
	uint32_t i, slot;

	for (i = 0; i < n; i++) {
		slot = (*tail + i) & mask;
		r->requests[slot] = *request;
		array[slot] = slot;
	}
	__atomic_store_n(tail, *tail + n, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, r->fd, n, n_wait, n_wait ? IORING_ENTER_GETEVENTS : 0,
		       NULL, 0);
}

/* Take the next completion: its result goes to *@result. Return: whether there was one. */
static inline bool ring_take(struct ring *r, int *result)
{
	uint32_t *head = ring_word(r, r->params.cq_off.head);
	uint32_t *tail = ring_word(r, r->params.cq_off.tail);
	uint32_t mask = *ring_word(r, r->params.cq_off.ring_mask);
	const struct io_uring_cqe *completions = (void *)ring_word(r, r->params.cq_off.cqes);

	if (__atomic_load_n(tail, __ATOMIC_ACQUIRE) == *head)
		return false;
	*result = completions[*head & mask].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}

#endif

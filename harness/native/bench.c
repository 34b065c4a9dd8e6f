// SPDX-License-Identifier: GPL-2.0
/* Measurements: harness/bench/userspace.py and harness/bench/machine.py. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "model.h"

static s64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static u32 likeliest(const q16 *logits, u32 n_vocab)
{
	u32 best = 0;
	u32 i;

	for (i = 1; i < n_vocab; i++)
		if (logits[i] > logits[best])
			best = i;
	return best;
}

/*
 * Decode @n tokens greedily from @pos, beginning with @token; @logits has room for one
 * token's. Return: nanoseconds, or -errno.
 */
s64 llamuxu_bench_decode(struct llamuxu_session *s, u32 token, u32 pos, u32 n, q16 *logits,
			 u32 n_vocab)
{
	s64 start = now_ns();
	u32 i;
	int err;

	for (i = 0; i < n; i++) {
		err = llamuxu_forward(s, &token, 1, pos + i, logits, 1);
		if (err)
			return err;
		token = likeliest(logits, n_vocab);
	}
	return now_ns() - start;
}

typedef u64 wide __attribute__((vector_size(64), may_alias));

#define STREAMS 4	/* independent sums */

/* The caller's instruction set determines the width of a load. */
static __always_inline u64 sum(const void *data, size_t size)
{
	const wide *p = data;
	const wide *end = p + size / sizeof(wide) / STREAMS * STREAMS;
	wide s[STREAMS] = { 0 };
	u64 total = 0;
	int i;

	for (; p < end; p += STREAMS)
		for (i = 0; i < STREAMS; i++)
			s[i] += p[i];
	for (i = 0; i < STREAMS; i++)
		total += s[i][0] + s[i][1] + s[i][2] + s[i][3] + s[i][4] + s[i][5] + s[i][6] +
			 s[i][7];
	return total;
}

static u64 sum_plain(const void *data, size_t size)
{
	return sum(data, size);
}

#if defined(__x86_64__)
static __attribute__((target("avx2"))) u64 sum_avx2(const void *data, size_t size)
{
	return sum(data, size);
}

static __attribute__((target("avx512f"))) u64 sum_avx512(const void *data, size_t size)
{
	return sum(data, size);
}

static u64 sum_best(const void *data, size_t size)
{
	if (__builtin_cpu_supports("avx512f"))
		return sum_avx512(data, size);
	if (__builtin_cpu_supports("avx2"))
		return sum_avx2(data, size);
	return sum_plain(data, size);
}
#else
#define sum_best sum_plain
#endif

struct reader {
	pthread_t thread;
	pthread_barrier_t *begin;
	const char *data;
	size_t size;
	u32 passes;
	s64 start;
	s64 end;
	u64 sum;	/* so that nothing is optimized away */
};

static void *read_all(void *arg)
{
	struct reader *r = arg;
	u32 i;

	r->sum = sum_best(r->data, r->size);	/* for page faults, and for clocks to rise */
	pthread_barrier_wait(r->begin);
	r->start = now_ns();
	for (i = 0; i < r->passes; i++) {
		__asm__ volatile("" ::: "memory");
		r->sum += sum_best(r->data, r->size);
	}
	r->end = now_ns();
	return NULL;
}

/*
 * Read @size bytes @passes times by @n_threads threads that share them. Return: bytes per
 * second, or -errno.
 */
s64 llamuxu_bench_read(u64 size, u32 passes, u32 n_threads)
{
	size_t share = n_threads ? size / n_threads & ~(size_t)4095 : 0;
	struct reader *r = calloc(n_threads, sizeof(*r));
	s64 start = S64_MAX, end = 0;
	pthread_barrier_t begin;
	s64 result = -ENOMEM;
	char *data = NULL;
	u32 i;

	if (!r || !share || !passes || posix_memalign((void **)&data, 2 << 20, size))
		goto out;
	madvise(data, size, MADV_HUGEPAGE);
	memset(data, 1, size);
	pthread_barrier_init(&begin, NULL, n_threads);
	for (i = 0; i < n_threads; i++) {
		r[i].begin = &begin;
		r[i].data = data + i * share;
		r[i].size = share;
		r[i].passes = passes;
		/* A missing thread would leave the others at the barrier. */
		if (pthread_create(&r[i].thread, NULL, read_all, &r[i]))
			abort();
	}
	for (i = 0; i < n_threads; i++) {
		pthread_join(r[i].thread, NULL);
		start = min(start, r[i].start);
		end = max(end, r[i].end);
	}
	pthread_barrier_destroy(&begin);
	result = (s64)((double)share * n_threads * passes * 1e9 / (double)(end - start));
out:
	free(data);
	free(r);
	return result;
}

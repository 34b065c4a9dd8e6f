// SPDX-License-Identifier: GPL-2.0
/*
 * Lengths of the sections that hold vector registers: in the kernel no other task gets the
 * processor during a section. The program fills a context in batches, and its last tokens one by
 * one.
 *
 *	sections PATH MODEL
 *
 * PATH is the name of an instruction set's path, MODEL a file. Output: two lines, "prefill" and
 * "decode", each with the number of sections and the median, 99th percentile and maximum of their
 * processor time in nanoseconds. Exit codes: 0, 1 if something failed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "arithmetic/path.h"
#include "../../native/model.h"
#include "image.h"

#define MAX_CTX 2048
#define BATCH 32	/* the module's batch of prompt tokens */
#define SINGLE 32	/* tokens that are evaluated one by one */

static u32 times[1 << 22];	/* nanoseconds of each section */
static u32 n_times;
static u64 began;		/* time at which the section began */

/* Return the processor time of this thread, in nanoseconds. */
static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

void section_begin(void)
{
	began = now_ns();
}

void section_end(void)
{
	u64 ns = now_ns() - began;

	if (n_times == ARRAY_SIZE(times))
		abort();
	times[n_times++] = min(ns, (u64)U32_MAX);
}

static void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static int compare(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return (x > y) - (x < y);
}

/* Print the line @what and forget the sections. */
static void report(const char *what)
{
	if (!n_times)
		fail("this path holds no vector registers");
	qsort(times, n_times, sizeof(*times), compare);
	printf("%s %u %u %u %u\n", what, n_times, times[n_times / 2],
	       times[n_times - 1 - n_times / 100], times[n_times - 1]);
	n_times = 0;
}

/* Evaluate the positions in [@from, @to). */
static void evaluate(struct llamuxu_session *s, u32 from, u32 to, u32 batch, u32 n_vocab, q16 *out)
{
	u32 tokens[BATCH], i, n;

	for (; from < to; from += n) {
		n = min(batch, to - from);
		for (i = 0; i < n; i++)
			tokens[i] = (from + i) * 37 % n_vocab;
		if (llamuxu_forward(s, tokens, n, from, out, 1))
			fail("a pass failed");
	}
}

int main(int argc, char **argv)
{
	struct llama_diag diag = { "" };
	struct llamuxu_session *s;
	struct llamuxu_model *m;
	u64 facts[6];
	u32 n_ctx, n_vocab, single;
	size_t size;
	u8 *image;
	q16 *out;
	int err;

	if (argc != 3)
		fail("usage: sections PATH MODEL");
	if (llama_path_select(argv[1]))
		fail("this machine does not have that path");
	image = image_read(argv[2], &size);
	m = llamuxu_model_open(image, size, &err, &diag);
	if (!m)
		fail(diag.text);
	llamuxu_model_facts(m, facts);
	n_vocab = facts[0];
	n_ctx = min(facts[1], (u64)MAX_CTX);
	single = n_ctx - min(n_ctx / 2, (u32)SINGLE);
	out = calloc(n_vocab, sizeof(*out));
	s = llamuxu_session_open(m, n_ctx, BATCH, 1);
	if (!out || !s)
		fail("no memory");
	/* The first pass touches new pages, which would count. */
	evaluate(s, 0, n_ctx, BATCH, n_vocab, out);
	n_times = 0;
	evaluate(s, 0, single, BATCH, n_vocab, out);
	report("prefill");
	evaluate(s, single, n_ctx, 1, n_vocab, out);
	report("decode");
	return 0;
}

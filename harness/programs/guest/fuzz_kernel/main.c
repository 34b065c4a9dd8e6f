// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzzer of /proc/llamux: it runs programs of system calls and keeps those that reach new code of
 * the module. A program is made from an input, a short byte string (input.h).
 *
 *	fuzz_kernel fuzz INPUTS SECONDS SEED	make new inputs, and keep those that reach more
 *	fuzz_kernel reduce INPUTS		keep a few inputs that reach as much as all
 *	fuzz_kernel replay INPUTS		run each input once
 *
 * INPUTS is a file as corpus.c describes it. $PATIENCE is a factor of time limits, 1 by default.
 *
 * Output, a line each:
 *
 *	run INPUT			printed before the input is run
 *	keep INPUT			the input reaches more than those before it
 *	stuck INPUT			the program cannot be killed
 *	status RUN BLOCKS EDGES KEPT KILLED
 *	block OFFSET			reached block, in bytes from the beginning of the code
 *	result KIND: ERRNO		errno of an operation, 0 if it succeeded
 *
 * Exit codes: 0, 1 if a program is stuck or cannot be run, 2 if the fuzzer cannot run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "corpus.h"
#include "coverage.h"
#include "execution.h"
#include "mutation.h"

#define STATUS_SECONDS 10

static uint32_t n_run, n_killed, n_kept;

static void print_status(void)
{
	printf("status %u %u %u %u %u\n", n_run, coverage_blocks(), coverage_edges(), n_kept,
	       n_killed);
	fflush(stdout);
}

/* Run an input. Return: whether it ended in time, so that its coverage counts. */
static bool run(const struct input *input)
{
	enum outcome outcome;

	input_print("run", input);
	outcome = execute(input);
	n_run++;
	if (outcome == RUN_STUCK)
		input_print("stuck", input);
	if (outcome == RUN_STUCK || outcome == RUN_FAILED)
		exit(1);
	n_killed += outcome == RUN_KILLED;
	return outcome == RUN_ENDED;
}

/* Remove operations that the new coverage does not need. */
static void minimize(struct input *input)
{
	uint32_t i;

	for (i = input_n_operations(input); i-- > 0;) {
		struct input smaller = *input;

		input_remove(&smaller, i);
		if (!run(&smaller))
			continue;
		coverage_take();
		if (coverage_has_wanted())
			*input = smaller;
	}
}

/* Run an input; keep it if it reaches more. */
static void try(struct input *input)
{
	if (!run(input) || !coverage_take())
		return;
	coverage_want();
	coverage_accept();
	minimize(input);
	corpus_add(input);
	n_kept++;
	input_print("keep", input);
}

static void fuzz(uint32_t seconds, uint64_t seed)
{
	time_t now, end = time(NULL) + seconds, next = 0;
	uint32_t i, n = n_corpus;
	struct input input;

	mutation_seed(seed);
	for (i = 0; i < n; i++) {
		if (run(&corpus[i])) {
			coverage_take();
			coverage_accept();
		}
	}
	while ((now = time(NULL)) < end) {
		if (now >= next) {
			print_status();
			next = now + STATUS_SECONDS;
		}
		mutate(&input);
		try(&input);
	}
	coverage_print();
}

/* Keep the input that adds the most points, until none adds any. */
static void reduce(void)
{
	struct {
		uint32_t *points;
		uint32_t n, fresh;
	} *r = calloc(n_corpus + 1, sizeof(*r));
	uint32_t i, best;

	coverage_coarse();
	for (i = 0; r && i < n_corpus; i++)
		if (run(&corpus[i])) {
			coverage_take();
			r[i].points = coverage_copy(&r[i].n);
		}
	while (r) {
		for (best = i = 0; i < n_corpus; i++) {
			r[i].fresh = coverage_fresh(r[i].points, r[i].n);
			if (r[i].fresh > r[best].fresh)
				best = i;
		}
		if (!r[best].fresh)
			break;
		coverage_add(r[best].points, r[best].n);
		n_kept++;
		input_print("keep", &corpus[best]);
	}
	for (i = 0; r && i < n_corpus; i++)
		free(r[i].points);
	free(r);
	coverage_print();
}

static void replay(void)
{
	uint32_t i;

	for (i = 0; i < n_corpus; i++)
		if (run(&corpus[i])) {
			coverage_take();
			coverage_accept();
		}
	coverage_print();
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";

	if (!(!strcmp(mode, "fuzz") && argc == 5) && !(!strcmp(mode, "reduce") && argc == 3) &&
	    !(!strcmp(mode, "replay") && argc == 3)) {
		fprintf(stderr, "fuzz_kernel fuzz INPUTS SECONDS SEED\n"
			"fuzz_kernel reduce INPUTS\nfuzz_kernel replay INPUTS\n");
		return 2;
	}
	if (!corpus_load(argv[2])) {
		fprintf(stderr, "%s is not a file of inputs\n", argv[2]);
		return 2;
	}
	execution_open();
	if (!coverage_open())
		fprintf(stderr, "this kernel has no KCOV: only results guide the fuzzer\n");
	if (!strcmp(mode, "fuzz"))
		fuzz(atoi(argv[3]), strtoull(argv[4], NULL, 0));
	else if (!strcmp(mode, "reduce"))
		reduce();
	else
		replay();
	print_status();
	return 0;
}

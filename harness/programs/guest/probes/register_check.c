// SPDX-License-Identifier: GPL-2.0
/*
 * Vector registers of a process while the module uses them: each round fills all vector and
 * control registers, waits, and compares them bit by bit.
 *
 *	register_check ROUNDS WAIT...
 *
 * The rounds go through the given ways to wait:
 *
 *	spin	compute for long enough to be preempted
 *	yield	sched_yield()
 *	stats	read /proc/llamux/stats
 *	answer	read an answer that this task computes in the kernel
 *
 * Output: "rounds N answers M", where M is the number of reads that returned a part of an answer.
 * Exit codes: 0, 1 if a register changed (the output says which), 2 if a call failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../shared/procfs.h"
#include "../../shared/random.h"
#define DIE_STATUS 2
#include "../../shared/die.h"

#define TEXT "A kernel is"
#define SHORT_SPIN 1000
#define LONG_SPIN 10000000

struct system_call {
	long number;	/* -1 for no call */
	long argument[3];
};

#define FIRST_8 "0,1,2,3,4,5,6,7"
#define FIRST_16 FIRST_8 ",8,9,10,11,12,13,14,15"
#define ALL_32 FIRST_16 ",16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31"

#ifdef __x86_64__

struct registers {
	uint8_t vector[32][64];
	uint64_t mask[8];
	uint64_t mmx[8];
	uint32_t mxcsr;
	uint32_t fcw;	/* the upper half stays zero */
};

#define LOAD(move, indices, offset, size, name) \
	".irp i," indices "\n\t" \
	move " %c[" offset "]+" size "*\\i(%[want]), %%" name "\\i\n\t" \
	".endr\n\t"
#define STORE(move, indices, offset, size, name) \
	".irp i," indices "\n\t" \
	move " %%" name "\\i, %c[" offset "]+" size "*\\i(%[have])\n\t" \
	".endr\n\t"

/* One statement, so that the compiler puts no instruction in between. */
#define HOLD(load, store) \
	({ __asm__ volatile(load \
			 LOAD("movq", FIRST_8, "mmx", "8", "mm") \
			 "fldcw %c[fcw](%[want])\n\t" \
			 "ldmxcsr %c[mxcsr](%[want])\n" \
			 "1:\tdec %[spins]\n\t" \
			 "jnz 1b\n\t" \
			 "test %%rax, %%rax\n\t" \
			 "js 2f\n\t" \
			 "syscall\n" \
			 "2:\n\t" \
			 store \
			 STORE("movq", FIRST_8, "mmx", "8", "mm") \
			 "fnstcw %c[fcw](%[have])\n\t" \
			 "stmxcsr %c[mxcsr](%[have])\n\t" \
			 "emms\n\t" \
			 "fldcw %[default_fcw]\n\t" \
			 "ldmxcsr %[default_mxcsr]" \
			 : [spins] "+r"(spins), "+a"(result) \
			 : [want] "r"(want), [have] "r"(have), "D"(call->argument[0]), \
			   "S"(call->argument[1]), "d"(call->argument[2]), \
			   [vector] "i"(offsetof(struct registers, vector)), \
			   [mask] "i"(offsetof(struct registers, mask)), \
			   [mmx] "i"(offsetof(struct registers, mmx)), \
			   [mxcsr] "i"(offsetof(struct registers, mxcsr)), \
			   [fcw] "i"(offsetof(struct registers, fcw)), \
			   [default_fcw] "m"(default_fcw), [default_mxcsr] "m"(default_mxcsr) \
			 : "rcx", "r11", "memory", "cc", \
			   "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", \
			   "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", \
			   "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7"); })

static const uint16_t default_fcw = 0x37f;
static const uint32_t default_mxcsr = 0x1f80;

/* Clear what the processor lacks: registers, upper parts of registers, and bits. */
static void limit(struct registers *r)
{
	size_t n = __builtin_cpu_supports("avx512bw") ? 32 : 16;
	size_t width = n == 32 ? 64 : __builtin_cpu_supports("avx2") ? 32 : 16;

	for (size_t i = 0; i < 32; i++) {
		size_t kept = i < n ? width : 0;

		memset(r->vector[i] + kept, 0, sizeof(r->vector[i]) - kept);
	}
	if (n < 32)
		memset(r->mask, 0, sizeof(r->mask));
	r->mxcsr = default_mxcsr | (r->mxcsr & 0xe07f);	/* rounding, denormals, flags */
	r->fcw = default_fcw | (r->fcw & 0xc00);		/* rounding */
}

static long hold(const struct registers *want, struct registers *have, long spins,
		 const struct system_call *call)
{
	long result = call->number;

	if (__builtin_cpu_supports("avx512bw"))
		HOLD(LOAD("vmovdqu64", ALL_32, "vector", "64", "zmm")
		     LOAD("kmovq", FIRST_8, "mask", "8", "k"),
		     STORE("vmovdqu64", ALL_32, "vector", "64", "zmm")
		     STORE("kmovq", FIRST_8, "mask", "8", "k"));
	else if (__builtin_cpu_supports("avx2"))
		HOLD(LOAD("vmovdqu", FIRST_16, "vector", "64", "ymm"),
		     STORE("vmovdqu", FIRST_16, "vector", "64", "ymm"));
	else
		HOLD(LOAD("movdqu", FIRST_16, "vector", "64", "xmm"),
		     STORE("movdqu", FIRST_16, "vector", "64", "xmm"));
	return result;
}

#else

struct registers {
	uint8_t vector[32][16];
	uint64_t fpcr;
	uint64_t fpsr;
};

/* Clear the bits that the registers lack. */
static void limit(struct registers *r)
{
	r->fpcr &= 0x03c00000;	/* rounding, denormals, NaNs */
	r->fpsr &= 0x0800009f;	/* flags */
}

static long hold(const struct registers *want, struct registers *have, long spins,
		 const struct system_call *call)
{
	register long number __asm__("x8") = call->number;
	register long first __asm__("x0") = call->argument[0];
	register long second __asm__("x1") = call->argument[1];
	register long third __asm__("x2") = call->argument[2];
	uint64_t scratch;

	/* One statement, so that the compiler puts no instruction in between. */
	__asm__ volatile(".irp i," ALL_32 "\n\t"
			 "ldr q\\i, [%[want], #16*\\i]\n\t"
			 ".endr\n\t"
			 "ldr %[scratch], [%[want], %[fpcr]]\n\t"
			 "msr fpcr, %[scratch]\n\t"
			 "ldr %[scratch], [%[want], %[fpsr]]\n\t"
			 "msr fpsr, %[scratch]\n"
			 "1:\tsubs %[spins], %[spins], #1\n\t"
			 "b.ne 1b\n\t"
			 "tbnz %[number], #63, 2f\n\t"
			 "svc #0\n"
			 "2:\n\t"
			 ".irp i," ALL_32 "\n\t"
			 "str q\\i, [%[have], #16*\\i]\n\t"
			 ".endr\n\t"
			 "mrs %[scratch], fpcr\n\t"
			 "str %[scratch], [%[have], %[fpcr]]\n\t"
			 "mrs %[scratch], fpsr\n\t"
			 "str %[scratch], [%[have], %[fpsr]]\n\t"
			 "msr fpcr, xzr\n\t"
			 "msr fpsr, xzr"
			 : [spins] "+&r"(spins), "+&r"(first), [scratch] "=&r"(scratch)
			 : [want] "r"(want), [have] "r"(have), [number] "r"(number), "r"(second),
			   "r"(third), [fpcr] "i"(offsetof(struct registers, fpcr)),
			   [fpsr] "i"(offsetof(struct registers, fpsr))
			 : "memory", "cc",
			   "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7",
			   "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15",
			   "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23",
			   "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
	return number < 0 ? number : first;
}

#endif

/* Fill the registers with bytes that differ by process, round and place. */
static void fill(struct registers *r, uint64_t round)
{
	uint64_t state = ((uint64_t)getpid() << 32) + round * 0x10001;
	uint8_t *bytes = (uint8_t *)r;

	for (size_t i = 0; i < sizeof(*r); i++)
		bytes[i] = random_upper(&state) >> 56;
	limit(r);
}

/* Open a file, and write a text to it unless the text is empty. Return: the descriptor. */
static int open_file(const char *path, int flags, const char *text)
{
	int fd = *text ? open_and_write(path, flags, text) : open(path, flags);

	if (fd < 0)
		die(path);
	return fd;
}

/* Exit with 1 unless all registers are equal. */
static void compare(const struct registers *want, const struct registers *have, long round,
		    const char *wait)
{
	const uint8_t *a = (const uint8_t *)want, *b = (const uint8_t *)have;
	const size_t width = sizeof(want->vector[0]);
	size_t i = 0;

	while (i < sizeof(*want) && a[i] == b[i])
		i++;
	if (i == sizeof(*want))
		return;
	if (i < sizeof(want->vector))
		printf("vector register %zu, byte %zu", i / width, i % width);
	else
		printf("control registers, byte %zu", i - sizeof(want->vector));
	printf(": %02x became %02x in round %ld (%s)\n", a[i], b[i], round, wait);
	exit(1);
}

/* Do a round. Return: whether a part of an answer was read. */
static bool check(long round, const char *wait)
{
	static int answer = -1;
	struct registers want = { 0 }, have = { 0 };
	struct system_call call = { .number = -1 };
	char buffer[4096];
	int stats = -1;
	long result;

	if (!strcmp(wait, "yield")) {
		call.number = SYS_sched_yield;
	} else if (!strcmp(wait, "stats")) {
		stats = open_file(STATS, O_RDONLY, "");
		call = (struct system_call){ SYS_read, { stats, (long)buffer, sizeof(buffer) } };
	} else if (!strcmp(wait, "answer")) {
		if (answer < 0)
			answer = open_file(PROMPT, O_RDWR, TEXT);
		call = (struct system_call){ SYS_read, { answer, (long)buffer, sizeof(buffer) } };
	}
	fill(&want, round);
	result = hold(&want, &have, strcmp(wait, "spin") ? SHORT_SPIN : LONG_SPIN, &call);
	compare(&want, &have, round, wait);
	if (call.number >= 0 && result < 0) {
		errno = -result;
		die(wait);
	}
	if (stats >= 0)
		close(stats);
	if (call.number < 0 || call.argument[0] != answer)
		return false;
	if (!result) {
		close(answer);
		answer = -1;
	}
	return result > 0;
}

int main(int argc, char **argv)
{
	long rounds = argc > 2 ? atol(argv[1]) : 0, answers = 0;

	if (rounds < 1) {
		fprintf(stderr, "usage: %s ROUNDS spin|yield|stats|answer...\n", argv[0]);
		return 2;
	}
	for (long round = 0; round < rounds; round++)
		answers += check(round, argv[2 + round % (argc - 2)]);
	printf("rounds %ld answers %ld\n", rounds, answers);
	return 0;
}

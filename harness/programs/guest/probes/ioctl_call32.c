// SPDX-License-Identifier: GPL-2.0
/*
 * One ioctl on descriptor 3 from a 32-bit program of x86; it needs no C library.
 *
 *	ioctl_call32
 *
 * Standard input is the command in four bytes, then the argument. Output: the argument after the
 * call. Exit codes: 0 or the errno.
 */
#define SYS_EXIT 1
#define SYS_READ 3
#define SYS_WRITE 4
#define SYS_IOCTL 54

static struct {
	unsigned int command;
	char argument[8192];
} input;

static long call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c)
			 : "memory");
	return result;
}

void _start(void)
{
	unsigned int n = 0;
	long got;

	do {
		got = call(SYS_READ, 0, (long)&input + n, sizeof(input) - n);
		n += got > 0 ? got : 0;
	} while (got > 0);
	got = call(SYS_IOCTL, 3, input.command, (long)input.argument);
	if (!got)
		call(SYS_WRITE, 1, (long)input.argument, n - sizeof(input.command));
	call(SYS_EXIT, -got, 0, 0);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Share of one user while another user has many readers.
 *
 *	crowd READERS UID PROMPT
 *
 * READERS processes of user and group UID read answers without end. Meanwhile this process reads
 * the answer to PROMPT.
 *
 * Output: the number of tokens that the module generated for all of them between the first read
 * and the last one of this process. Exit codes: 0, 1 or SIGKILL after an error, 2 for bad usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../shared/procfs.h"

/* Print an error and end all processes of the group. */
static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	kill(0, SIGKILL);
	exit(1);
}

/* Open a file and write a text to it. Return: the descriptor. */
static int open_with(const char *path, int flags, const char *text)
{
	int fd = open_and_write(path, flags, text);

	if (fd < 0)
		fail(path);
	return fd;
}

/* Read to the end of an answer. */
static void drain(int fd)
{
	char piece[4096];
	ssize_t n;

	do {
		n = read(fd, piece, sizeof(piece));
	} while (n > 0);
	if (n < 0)
		fail("read");
}

/* Return a figure of the file of statistics. */
static unsigned long figure(const char *name)
{
	char line[256];
	unsigned long value;
	FILE *file = fopen(STATS, "r");

	if (!file)
		fail(STATS);
	while (fgets(line, sizeof(line), file)) {
		size_t n = strcspn(line, " ");

		if (strlen(name) == n && !memcmp(line, name, n)) {
			value = strtoul(line + n, NULL, 10);
			fclose(file);
			return value;
		}
	}
	errno = ENOENT;
	fail(name);
	return 0;
}

/* Read answers without end; write a byte to the pipe @begun after the first byte. */
static void read_forever(int i, int begun)
{
	char text[16], byte;
	bool first = true;
	int fd;

	/* Without speculation a pass makes one token, so that tokens measure processor time. */
	close(open_with(OPTIONS, O_WRONLY, "template none\nspeculate 0\n"));
	snprintf(text, sizeof(text), "%d", i);
	for (;; first = false) {
		fd = open_with(PROMPT, O_RDWR, text);
		if (first && (read(fd, &byte, 1) != 1 || write(begun, &byte, 1) != 1))
			fail("first byte");
		drain(fd);
		close(fd);
	}
}

int main(int argc, char **argv)
{
	int readers, begun[2], fd, i;
	unsigned long before, all;
	char byte;

	if (argc != 4)
		return 2;
	readers = atoi(argv[1]);
	if (setpgid(0, 0) || pipe(begun))
		fail("pipe");
	for (i = 0; i < readers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		if (!pid) {
			if (setgid(atoi(argv[2])) || setuid(atoi(argv[2])))
				fail("setuid");
			read_forever(i, begun[1]);
		}
	}
	close(begun[1]);
	for (i = 0; i < readers; i++)
		if (read(begun[0], &byte, 1) != 1)
			fail("the readers ended");
	fd = open_with(PROMPT, O_RDWR, argv[3]);
	before = figure("tokens_generated");
	drain(fd);
	all = figure("tokens_generated") - before;
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	close(fd);
	while (wait(NULL) > 0)
		;
	printf("%lu\n", all);
	return fflush(stdout) ? 1 : 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What one user gets while another has many readers. "crowd READERS UID PROMPT"
 * has READERS processes of user and group UID read answers without end, reads one answer
 * of its own meanwhile, and prints how many tokens were made for all of them
 * between its first read and its last.
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

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	kill(0, SIGKILL);
	exit(1);
}

static int say(const char *path, int flags, const char *text)
{
	int fd = open(path, flags);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(path);
	return fd;
}

static int ask(const char *text)
{
	return say("/proc/llamux/prompt", O_RDWR, text);
}

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

/* A figure of /proc/llamux/stats. */
static unsigned long figure(const char *name)
{
	char line[256];
	unsigned long value;
	FILE *file = fopen("/proc/llamux/stats", "r");

	if (!file)
		fail("stats");
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

static void read_forever(int i, int begun)
{
	char text[16], byte;
	bool first = true;
	int fd;

	/* A token a step, so that tokens tell who had the processor. */
	close(say("/proc/llamux/options", O_WRONLY, "template none\nspeculate 0\n"));
	snprintf(text, sizeof(text), "%d", i);
	for (;; first = false) {
		fd = ask(text);
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
			fail("nobody reads");
	fd = ask(argv[3]);
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

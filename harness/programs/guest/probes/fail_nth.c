// SPDX-License-Identifier: GPL-2.0
/*
 * Failing allocations, one in each run, on a kernel that has fail-nth. The settings of the
 * kernel's fault injection say which allocations count.
 *
 *	fail_nth N COMMAND [ARGUMENT...]
 *
 * Run a command whose allocation number N fails, and exit with its exit code. The last line on
 * standard error is "left K": K allocations were missing to N, 0 if one failed.
 *
 *	fail_nth N insmod FILE [PARAMETER...]
 *
 * Load a module in the same way, with one system call; the insmod of busybox makes a second one if
 * the first fails. Exit with the errno.
 *
 *	fail_nth thread LIMIT TEXT
 *
 * Have the thread of the kernel answer TEXT while its first allocation fails, then while its
 * second one fails, and so on, until an answer has fewer allocations; fail after LIMIT. Each
 * answer must equal the first one, which nothing disturbed. Output: the number of failed
 * allocations, and how many of them a read returned as an error.
 *
 * Exit codes: as above, 2 for bad usage, 255 if the program itself fails.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../shared/procfs.h"
#define DIE_STATUS 255
#include "../../shared/die.h"

#define ANSWER_BYTES 65536	/* longest answer */

/* Open the counter of failing allocations of a process. */
static int open_counter(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fail-nth", pid);
	fd = open(path, O_RDWR);
	if (fd < 0)
		die(path);
	return fd;
}

/* Have allocation @n of a process fail; 0 for none. */
static void set_left(pid_t pid, unsigned int n)
{
	int fd = open_counter(pid);

	if (dprintf(fd, "%u", n) < 0)
		die("fail-nth");
	close(fd);
}

/* Return the number of allocations until one fails; 0 if it failed. */
static unsigned int get_left(pid_t pid)
{
	int fd = open_counter(pid);
	char text[16] = "";

	if (read(fd, text, sizeof(text) - 1) <= 0)
		die("fail-nth");
	close(fd);
	return (unsigned int)strtoul(text, NULL, 10);
}

/* Load a module. Return: 0 or the errno. */
static int insmod(char **words)
{
	int fd = open(words[0], O_RDONLY | O_CLOEXEC);
	char parameters[4096] = "";
	size_t n = 0;

	if (fd < 0)
		die(words[0]);
	while (*++words && n < sizeof(parameters))
		n += snprintf(parameters + n, sizeof(parameters) - n, "%s ", *words);
	return syscall(SYS_finit_module, fd, parameters, 0) ? errno : 0;
}

/* Run a command whose allocation @n fails. Return: its exit code. */
static int run(unsigned int n, char **words)
{
	pid_t child = fork();
	siginfo_t info;
	int status;

	if (child < 0)
		die("fork");
	if (!child) {
		set_left(getpid(), n);
		if (!strcmp(words[0], "insmod"))
			_exit(insmod(words + 1));
		execvp(words[0], words);
		_exit(127);
	}
	/* The counter of an ended process exists until waitpid(). */
	if (waitid(P_PID, child, &info, WEXITED | WNOWAIT))
		die("waitid");
	fprintf(stderr, "left %u\n", get_left(child));
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Return the pid of the only thread that answers. */
static pid_t find_thread(void)
{
	struct dirent *entry;
	DIR *folder = opendir("/proc");
	pid_t found = 0;

	while (folder && (entry = readdir(folder))) {
		char path[300], name[32] = "";
		int fd;

		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		fd = atoi(entry->d_name) ? open(path, O_RDONLY) : -1;
		if (fd < 0)
			continue;
		if (read(fd, name, sizeof(name) - 1) > 0 && !strcmp(name, "llamux/answer\n"))
			found = atoi(entry->d_name);
		close(fd);
	}
	if (folder)
		closedir(folder);
	expect(found, "no thread answers");
	return found;
}

/* Return the length of an answer; *@n_errors is the number of reads that failed with ENOMEM. */
static size_t read_answer(int fd, char *answer, unsigned int *n_errors)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t size = 0;
	ssize_t n;

	*n_errors = 0;
	while ((n = read(fd, answer + size, ANSWER_BYTES - size))) {
		if (n > 0)
			size += n;
		else if (errno == ENOMEM)
			++*n_errors;
		else if (errno != EAGAIN || poll(&p, 1, -1) != 1)
			die("read");
	}
	return size;
}

static void ask(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("write");
}

/* Have the thread answer with each allocation failing. */
static int thread(unsigned int limit, const char *text)
{
	static char want[ANSWER_BYTES], got[ANSWER_BYTES];
	int fd = open_and_write(PROMPT, O_RDWR | O_NONBLOCK, text);
	unsigned int n_errors, sum = 0, n, left = 0;
	size_t size;
	pid_t pid;

	if (fd < 0)
		die(PROMPT);
	size = read_answer(fd, want, &n_errors);
	pid = find_thread();
	for (n = 1; !left; n++) {
		expect(n != limit, "an answer needs more allocations than the limit");
		ask(fd, text);
		set_left(pid, n);
		expect(read_answer(fd, got, &n_errors) == size && !memcmp(got, want, size),
		       "the answer is another one");
		left = get_left(pid);
		set_left(pid, 0);
		sum += n_errors;
	}
	printf("%u %u\n", n - 2, sum);
	return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "thread"))
		return thread(atoi(argv[2]), argv[3]);
	if (argc < 3)
		return 2;
	return run(atoi(argv[1]), argv + 2);
}

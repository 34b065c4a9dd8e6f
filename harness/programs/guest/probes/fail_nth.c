// SPDX-License-Identifier: GPL-2.0
/*
 * Has allocations fail, one in each run, in a kernel with fail-nth; which ones count is set
 * elsewhere.
 *
 *	fail_nth N COMMAND [ARGUMENT...]
 *
 * Runs a command whose Nth allocation fails, and exits as it does. The last line of the errors
 * says how many it came short of N: "left 0" where one has failed.
 *
 *	fail_nth N insmod FILE [PARAMETER...]
 *
 * The same, once: busybox's insmod tries a second way when the first is refused. Exits with the
 * errno.
 *
 *	fail_nth thread LIMIT TEXT
 *
 * Has the kernel's thread answer a text in /proc/llamux/prompt while its first allocation fails,
 * its second, and so on, until it makes no more. Each answer has to be that of an undisturbed
 * thread, in the end. Prints how many failed, and how many of them a read told of.
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

#define ANSWER 65536

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(255);
}

static int open_counter(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fail-nth", pid);
	fd = open(path, O_RDWR);
	if (fd < 0)
		fail(path);
	return fd;
}

static void set_left(pid_t pid, unsigned int n)
{
	int fd = open_counter(pid);

	if (dprintf(fd, "%u", n) < 0)
		fail("fail-nth");
	close(fd);
}

static unsigned int get_left(pid_t pid)
{
	int fd = open_counter(pid);
	char text[16] = "";

	if (read(fd, text, sizeof(text) - 1) <= 0)
		fail("fail-nth");
	close(fd);
	return (unsigned int)strtoul(text, NULL, 10);
}

static int insmod(char **words)
{
	int fd = open(words[0], O_RDONLY | O_CLOEXEC);
	char parameters[4096] = "";
	size_t n = 0;

	if (fd < 0)
		fail(words[0]);
	while (*++words && n < sizeof(parameters))
		n += snprintf(parameters + n, sizeof(parameters) - n, "%s ", *words);
	return syscall(SYS_finit_module, fd, parameters, 0) ? errno : 0;
}

static int run(unsigned int n, char **words)
{
	pid_t child = fork();
	siginfo_t info;
	int status;

	if (child < 0)
		fail("fork");
	if (!child) {
		set_left(getpid(), n);
		if (!strcmp(words[0], "insmod"))
			_exit(insmod(words + 1));
		execvp(words[0], words);
		_exit(127);
	}
	/* Who has ended can be asked until it is waited for. */
	if (waitid(P_PID, child, &info, WEXITED | WNOWAIT))
		fail("waitid");
	fprintf(stderr, "left %u\n", get_left(child));
	if (waitpid(child, &status, 0) != child)
		fail("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The only thread that answers. */
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
	if (!found)
		fail("no thread answers");
	return found;
}

/* Return: bytes of the answer; *@told becomes how often a read failed for want of memory. */
static size_t read_answer(int fd, char *answer, unsigned int *told)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t size = 0;
	ssize_t n;

	*told = 0;
	while ((n = read(fd, answer + size, ANSWER - size))) {
		if (n > 0)
			size += n;
		else if (errno == ENOMEM)
			++*told;
		else if (errno != EAGAIN || poll(&p, 1, -1) != 1)
			fail("read");
	}
	return size;
}

static void ask(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail("write");
}

static int thread(unsigned int limit, const char *text)
{
	static char want[ANSWER], got[ANSWER];
	int fd = open("/proc/llamux/prompt", O_RDWR | O_NONBLOCK);
	unsigned int told, sum = 0, n, left = 0;
	size_t size;
	pid_t pid;

	if (fd < 0)
		fail("open");
	ask(fd, text);
	size = read_answer(fd, want, &told);
	pid = find_thread();
	for (n = 1; !left; n++) {
		if (n == limit)
			fail("it makes more allocations than that");
		ask(fd, text);
		set_left(pid, n);
		if (read_answer(fd, got, &told) != size || memcmp(got, want, size))
			fail("another answer");
		left = get_left(pid);
		set_left(pid, 0);
		sum += told;
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

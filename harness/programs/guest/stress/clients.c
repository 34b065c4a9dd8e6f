// SPDX-License-Identifier: GPL-2.0
/* The kinds of clients. More are easy to add: a function, and a line of the table at the end. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uapi/llamux.h>

#include "stress.h"

#define PROMPT "/proc/llamux/prompt"
#define CHAT "/proc/llamux/chat"
#define OPTIONS "/proc/llamux/options"
#define LOGITS "/proc/llamux/logits"
#define STATUS "/proc/llamux/status"
#define STATS "/proc/llamux/stats"
#define CONTROL "/proc/llamux/control"

#define MAX_READ 65536
#define MAX_POLLED 3
#define SMALL (4 << 20)		/* bytes of a model that may be loaded twice */
#define LATER_US 100000		/* at most, before what failed is tried again */

/* How a reader asks for bytes. */
enum manner {
	WHOLE,			/* as many as there are */
	ODD,			/* a few, a different number each time */
	SINGLE,			/* one by one */
	RESTLESS,		/* a few, and another priority and other processors in between */
	N_MANNERS,
};

static const struct question *choose(const struct questions *from)
{
	return &from->list[random_below(from->n)];
}

/* Return: the descriptor or -errno, as open() has it. */
static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	record_error(errno);
	return -errno;
}

/* One write. Return: 0 or -errno. */
static int write_once(int fd, const void *data, uint32_t n)
{
	ssize_t done = write(fd, data, n);

	if (done == n)
		return 0;
	if (done >= 0) {
		fail("%zd bytes of a write of %u were taken", done, n);
		return 0;
	}
	record_error(errno);
	return -errno;
}

/* One write, again while there is no memory for it. */
static int write_all(int fd, struct bytes b)
{
	uint32_t tries = 0;
	int err;

	do {
		err = write_once(fd, b.data, b.n);
	} while (err == -ENOMEM && tries++ < 100 && (pause_up_to(LATER_US), true));
	return err;
}

static void move(void)
{
	cpu_set_t processors;
	uint32_t i;

	if (random_below(3))
		return;
	CPU_ZERO(&processors);
	for (i = 0; i < 4; i++)
		if (random_below(2))
			CPU_SET(i, &processors);
	/* None of them may be there, and only root may be less nice again. */
	if (!sched_setaffinity(0, sizeof(processors), &processors))
		record_add(COUNT_MOVES, 1);
	if (!setpriority(PRIO_PROCESS, 0, random_below(20)))
		record_add(COUNT_MOVES, 1);
}

static uint32_t how_many(enum manner manner)
{
	if (record->over)	/* what is under way comes to an end soon */
		return MAX_READ;
	switch (manner) {
	case SINGLE:
		return 1;
	case ODD:
		return 1 + random_below(9);
	case RESTLESS:
		move();
		return 1 + random_below(30);
	default:
		return MAX_READ;
	}
}

/* Whose bytes these are, where they are no answer to what was asked. */
static void fail_mixed(const struct question *q, uint32_t pos, const char *got, uint32_t n)
{
	static const struct questions *const lists[] = { &texts, &logits, &dialogues, &others };
	const struct questions *all = &texts;
	const char *whose = "of no answer";
	uint32_t i;

	for (i = 0; i < ARRAY_SIZE(lists); i++)
		if (q >= lists[i]->list && q < lists[i]->list + lists[i]->n)
			all = lists[i];

	for (i = 0; i < all->n && n > 1; i++) {
		const struct bytes *a = &all->list[i].answer;

		if (a->n >= n && memmem(a->data, a->n, got, n)) {
			whose = "of another answer";
			break;
		}
	}
	fail("answer to question %td: %u bytes at %u of %u are wrong, they are %s",
	     q - all->list, n, pos, q->answer.n, whose);
}

/* Read up to @limit bytes of the rest of an answer from @pos. Return: the position, or -errno. */
static long read_some(int fd, const struct question *q, uint32_t pos, uint32_t limit,
		      enum manner manner)
{
	static char data[MAX_READ];
	uint64_t end = (uint64_t)pos + limit;
	uint32_t n, tries = 0;
	ssize_t got;

	while (pos < end) {
		n = how_many(manner);
		got = read(fd, data, n < end - pos ? n : end - pos);
		if (got < 0) {
			int err = errno;

			record_error(err);
			if (err == EINTR)
				record_add(COUNT_INTERRUPTIONS, 1);
			else if (err != ENOMEM || tries++ == 100)
				return -err;
			else
				pause_up_to(LATER_US);
			continue;
		}
		if (!got) {
			if (pos != q->answer.n)
				fail_mixed(q, pos, "", 0);
			else
				record_add(COUNT_COMPARED, 1);
			break;
		}
		if (got > q->answer.n - pos || memcmp(data, q->answer.data + pos, got)) {
			fail_mixed(q, pos, data, got);
			break;
		}
		pos += got;
		record_add(COUNT_BYTES, got);
	}
	return pos;
}

/* Read all of an answer. Return: 0 or -errno. */
static int read_answer(int fd, const struct question *q)
{
	long pos = read_some(fd, q, 0, UINT32_MAX, random_below(N_MANNERS));

	return pos < 0 ? pos : 0;
}

/* Set the session's options. Return: a descriptor that keeps its conversation, or -errno. */
static int set_options(const struct question *q)
{
	int fd = open_file(OPTIONS, O_RDWR);
	int err = fd < 0 ? fd : write_all(fd, q->options);

	if (err >= 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}

/* A conversation and all that keeps it: descriptors, or -errno in one of them. */
struct talk {
	int options;
	int prompt;
};

static int end_talk(struct talk *t, int err)
{
	if (t->prompt >= 0)
		close(t->prompt);
	if (t->options >= 0)
		close(t->options);
	return err;
}

/* A private conversation has options of its own once it is open: make room for others. */
static void drop_options(struct talk *t)
{
	close(t->options);
	t->options = -1;
}

/* Ask in a conversation of its own. Return: 0 or -errno. */
static int ask_private(struct talk *t, const struct question *q)
{
	t->prompt = -1;
	t->options = set_options(q);
	if (t->options < 0)
		return t->options;
	t->prompt = open_file(PROMPT, O_RDWR);
	drop_options(t);
	return t->prompt < 0 ? t->prompt : write_all(t->prompt, q->prompt);
}

/* Ask in the session's conversation, as echo does, and open its answer. Return: 0 or -errno. */
static int ask_shared(struct talk *t, const struct question *q)
{
	int fd, err;

	t->prompt = -1;
	t->options = set_options(q);
	if (t->options < 0)
		return t->options;
	fd = open_file(PROMPT, O_WRONLY);
	if (fd < 0)
		return fd;
	err = write_all(fd, q->prompt);
	close(fd);
	if (err)
		return err;
	t->prompt = open_file(PROMPT, O_RDONLY);
	return t->prompt < 0 ? t->prompt : 0;
}

/* The first turn of a dialogue is answered as any prompt is. */
static int run_chat(void)
{
	const struct question *q = choose(&texts);
	struct talk t = { .prompt = -1 };
	int err;

	t.options = set_options(q);
	if (t.options < 0)
		return t.options;
	t.prompt = open_file(CHAT, O_RDWR);
	err = t.prompt < 0 ? t.prompt : write_all(t.prompt, q->prompt);
	if (!err)
		err = read_answer(t.prompt, q);
	return end_talk(&t, err);
}

static int run_private(void)
{
	const struct question *q = choose(&texts);
	struct talk t;
	int err = ask_private(&t, q);

	if (!err)
		err = read_answer(t.prompt, q);
	return end_talk(&t, err);
}

/* A terminal session in which somebody asks a few things. */
static int run_shared(void)
{
	uint32_t i, n = 1 + random_below(3);
	struct talk t;
	int err = 0;

	for (i = 0; i < n && !err && !(i && record->over); i++) {
		const struct question *q = choose(&texts);

		err = ask_shared(&t, q);
		if (!err)
			err = read_answer(t.prompt, q);
		end_talk(&t, 0);
	}
	return err;
}

/* One after the other through one file: what its options are is settled at the beginning. */
static int run_again(void)
{
	const struct question *q = choose(&texts);
	struct talk t;
	int err = ask_private(&t, q);

	if (!err)
		err = read_answer(t.prompt, q);
	if (!err)
		err = write_all(t.prompt, q->prompt);
	if (!err)
		err = read_answer(t.prompt, q);
	return end_talk(&t, err);
}

/* A prompt that comes in pieces, characters cut in two, and with what must not add to it. */
static int run_pieces(void)
{
	const struct question *q = choose(&texts);
	uint32_t n, pos = 0;
	struct talk t;
	int err;

	t.prompt = -1;
	t.options = set_options(q);
	if (t.options < 0)
		return t.options;
	t.prompt = open_file(PROMPT, O_RDWR);
	err = t.prompt < 0 ? t.prompt : 0;
	while (!err && pos < q->prompt.n) {
		n = 1 + random_below(q->prompt.n - pos < 20 ? q->prompt.n - pos : 20);
		err = write_all(t.prompt, (struct bytes){ q->prompt.data + pos, n });
		pos += n;
		if (!err && !random_below(3) && write_once(t.prompt, "a\0b", 3) != -EINVAL)
			fail("a NUL was taken as part of a prompt");
		if (!err && !random_below(3) && write_once(t.prompt, "\xff", 1) != -EILSEQ)
			fail("a prompt that is not UTF-8 was taken");
	}
	if (!err)
		err = read_answer(t.prompt, q);
	return end_talk(&t, err);
}

/* A process that reads the session's answer from its beginning. */
static pid_t start_reader(const struct question *q)
{
	uint32_t seed = random_below(UINT32_MAX);
	pid_t pid = fork();
	int fd, err;

	if (pid)
		return pid;
	random_seed(seed);
	fd = open_file(PROMPT, O_RDONLY);
	err = fd < 0 ? fd : read_answer(fd, q);
	exit(err ? -err : 0);
}

static int wait_for_reader(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
		fail("a reader ended with a fault");
	return WIFEXITED(status) ? -WEXITSTATUS(status) : 0;
}

/* Several processes at once that read one answer. */
static int run_several(void)
{
	const struct question *q = choose(&texts);
	uint32_t i, n = 2 + random_below(4);
	pid_t readers[5];
	struct talk t;
	int one, err = ask_shared(&t, q);

	for (i = 0; i < n && !err; i++)
		readers[i] = start_reader(q);
	if (!err) {
		err = read_answer(t.prompt, q);
		for (i = 0; i < n; i++) {
			one = readers[i] < 0 ? -EAGAIN : wait_for_reader(readers[i]);
			err = err ? err : one;
		}
	}
	return end_talk(&t, err);
}

/* Readers that are stopped and killed; the last one finds all of the answer. */
static int run_killed(void)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGSTOP };
	const struct question *q = choose(&texts);
	uint32_t i, n = 1 + random_below(5);
	struct talk t;
	int sig, err = ask_shared(&t, q);
	pid_t pid;

	for (i = 0; i < n && !err && !record->over; i++) {
		pid = start_reader(q);
		if (pid < 0)
			break;
		pause_up_to(1000000);
		sig = signals[random_below(ARRAY_SIZE(signals))];
		kill(pid, sig);
		record_add(COUNT_KILLS, 1);
		if (sig == SIGSTOP) {
			pause_up_to(200000);
			kill(pid, random_below(2) ? SIGCONT : SIGKILL);
		}
		err = wait_for_reader(pid);
	}
	if (!err)
		err = read_answer(t.prompt, q);
	return end_talk(&t, err);
}

static uint32_t alarm_us;

static void rearm(int sig)
{
	struct itimerval timer = { .it_value.tv_sec = alarm_us / 1000000,
				   .it_value.tv_usec = alarm_us % 1000000 };

	(void)sig;
	if (record->over)
		return;
	/* Ever later, or a pass that takes longer than that would never end. */
	alarm_us = alarm_us * 3 / 2;
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* A reader whose reads are interrupted and go on where they were. */
static int run_interrupted(void)
{
	const struct question *q = random_below(4) || getuid() ? choose(&texts) : choose(&logits);
	struct sigaction action = { .sa_handler = rearm };
	struct talk t = { -1, -1 };
	int err;

	if (q->options.n) {
		err = random_below(2) ? ask_private(&t, q) : ask_shared(&t, q);
	} else {
		t.prompt = open_file(LOGITS, O_RDWR);
		err = t.prompt < 0 ? t.prompt : write_all(t.prompt, q->prompt);
	}
	if (!err) {
		alarm_us = 500 + random_below(20000);
		sigaction(SIGALRM, &action, NULL);
		rearm(0);
		err = read_answer(t.prompt, q);
		signal(SIGALRM, SIG_IGN);
	}
	return end_talk(&t, err);
}

/* Options that change while an answer is made are the next one's. */
static int run_changed(void)
{
	const struct question *now = choose(&texts), *next = choose(&texts);
	struct talk t;
	long pos = -1;
	int err = ask_shared(&t, now);

	if (!err) {
		pos = read_some(t.prompt, now, 0, 1 + random_below(8), ODD);
		err = pos < 0 ? pos : write_all(t.options, next->options);
	}
	if (!err) {
		pos = read_some(t.prompt, now, pos, UINT32_MAX, ODD);
		err = pos < 0 ? pos : 0;
	}
	end_talk(&t, 0);
	if (err)
		return err;
	err = ask_shared(&t, next);
	if (!err)
		err = read_answer(t.prompt, next);
	return end_talk(&t, err);
}

/* An answer that nobody waits for. */
static int run_abandoned(void)
{
	const struct question *q = choose(&texts);
	struct talk t;
	long pos;
	int err = random_below(2) ? ask_private(&t, q) : ask_shared(&t, q);

	if (!err && random_below(4)) {
		pos = read_some(t.prompt, q, 0, 1 + random_below(10), ODD);
		err = pos < 0 ? pos : 0;
	}
	return random_below(2) ? err : end_talk(&t, err);
}

static int run_logits(void)
{
	const struct question *q = choose(&logits);
	char head[32];
	int fd = open_file(LOGITS, O_RDWR);
	int err;

	if (fd < 0)
		return fd;
	snprintf(head, sizeof(head), "batch %u ", 1 + random_below(64));
	err = write_once(fd, head, strlen(head));
	if (!err)
		err = write_all(fd, q->prompt);
	if (!err)
		err = read_answer(fd, q);
	close(fd);
	return err;
}

static int read_text(const char *path, char *text, uint32_t size)
{
	int fd = open_file(path, O_RDONLY);
	uint32_t n = 0;
	ssize_t got;

	if (fd < 0)
		return fd;
	while ((got = read(fd, text + n, size - 1 - n)) > 0)
		n += got;
	if (got < 0) {
		record_error(errno);
		n = 0;
	}
	text[n] = '\0';
	close(fd);
	return got < 0 ? -errno : 0;
}

static unsigned long long figure(const char *stats, const char *key)
{
	unsigned long long value = 0;
	const char *line = strstr(stats, key);

	if (!line || sscanf(line + strlen(key), " %llu", &value) != 1)
		fail("no %s in " STATS, key);
	return value;
}

static int run_status(void)
{
	static const char *const totals[] = { "\nanswers", "\ntokens_prompt", "\ntokens_generated",
					      "\nmemory_peak_bytes", "\nconversations_peak" };
	char before[4096], after[4096], text[8192];
	uint32_t i;
	int err = read_text(STATS, before, sizeof(before));

	if (!err)
		err = read_text(STATUS, text, sizeof(text));
	if (!err)
		err = read_text(OPTIONS, text, sizeof(text));
	if (!err && !strstr(text, "max_tokens 256\n"))
		fail("the options of a new session are not the defaults: %s", text);
	if (!err)
		err = read_text(STATS, after, sizeof(after));
	for (i = 0; i < ARRAY_SIZE(totals) && !err; i++)
		if (figure(after, totals[i]) < figure(before, totals[i]))
			fail("%s became less", totals[i] + 1);
	if (!err && figure(after, "\nconversations") > figure(after, "\nconversations_peak"))
		fail("more conversations than ever");
	return err;
}

/* What must be refused. */
static const struct refusal {
	const char *path;
	int flags;
	struct bytes text;
	int write_errno;
	int read_errno;
} refusals[] = {
	{ PROMPT, O_RDWR, { "a\0b", 3 }, EINVAL, ENODATA },
	{ PROMPT, O_RDWR, { "\xc0\x80", 2 }, EILSEQ, ENODATA },
	{ PROMPT, O_RDWR, { "half \xe2\x82", 7 }, 0, EILSEQ },
	{ PROMPT, O_RDWR, { "\n", 1 }, 0, ENODATA },
	{ PROMPT, O_RDWR, { NULL, 9 }, EFAULT, ENODATA },
	{ PROMPT, O_RDWR, { NULL, 3u << 20 }, EMSGSIZE, ENODATA },
	{ OPTIONS, O_WRONLY, { "frobnicate 1\n", 13 }, EINVAL, EBADF },
	{ OPTIONS, O_WRONLY, { "seed -1\n", 8 }, EINVAL, EBADF },
	{ OPTIONS, O_WRONLY, { "seed 1\ntop_p 2\n", 15 }, EINVAL, EBADF },
	{ OPTIONS, O_WRONLY, { "system \xff\n", 9 }, EILSEQ, EBADF },
	{ OPTIONS, O_WRONLY, { NULL, 20000 }, EMSGSIZE, EBADF },
	{ OPTIONS, O_WRONLY, { NULL, 9 }, EFAULT, EBADF },
	{ LOGITS, O_RDWR, { "1 2 x", 5 }, EINVAL, ENODATA },
	{ LOGITS, O_RDWR, { "batch 65 1", 10 }, EINVAL, ENODATA },
	{ LOGITS, O_RDWR, { "99999999", 8 }, EINVAL, ENODATA },
	{ LOGITS, O_RDWR, { NULL, 9 }, EFAULT, ENODATA },
};

/* Any of these says that there was no room for it now. */
static bool is_passing(int err)
{
	return err == -ENOMEM || err == -EUSERS;
}

static void expect(uint32_t i, const char *what, int err, int errnum)
{
	if (err != -errnum && !is_passing(err))
		fail("refusal %u: %s gave %d instead of %d", i, what, err, -errnum);
}

static int run_malformed(void)
{
	uint32_t i = random_below(ARRAY_SIZE(refusals));
	const struct refusal *r = &refusals[i];
	bool barred = !strcmp(r->path, LOGITS) && getuid();
	int fd = open_file(r->path, r->flags);
	char byte;

	if (barred) {
		expect(i, "open", fd < 0 ? fd : 0, EACCES);
		return 0;
	}
	if (fd < 0)
		return fd;
	expect(i, "write", write_once(fd, r->text.data, r->text.n), r->write_errno);
	if (read(fd, &byte, 1) < 0) {
		record_error(errno);
		expect(i, "read", -errno, r->read_errno);
	} else {
		fail("refusal %u: something could be read", i);
	}
	close(fd);
	return 0;
}

/* A writer who has to wait until an answer has been read. */
static int run_busy(void)
{
	const struct question *q = choose(&texts);
	struct talk t;
	long pos;
	int fd, err = ask_shared(&t, q);

	if (err)
		return end_talk(&t, err);
	pos = read_some(t.prompt, q, 0, 1, SINGLE);
	if (pos == 1) {
		fd = open_file(PROMPT, O_WRONLY);
		if (fd >= 0) {
			err = write_once(fd, "another", 7);
			if (err != -EBUSY)
				fail("a prompt was taken while an answer streamed: %d", err);
			close(fd);
		}
		if (read(t.prompt, (void *)1, 1) > 0)
			fail("bytes were read to nowhere");
		pos = read_some(t.prompt, q, pos, UINT32_MAX, ODD);
	}
	return end_talk(&t, pos < 0 ? pos : 0);
}

/* A turn of the session's dialogue, by a writer that comes and goes. */
static int say_shared(const struct question *turn)
{
	int fd = open_file(CHAT, O_WRONLY);
	int err = fd < 0 ? fd : write_all(fd, turn->prompt);

	if (fd >= 0)
		close(fd);
	return err;
}

/* All turns of a dialogue. */
static int run_dialogue(void)
{
	const struct question *end = dialogues.list + dialogues.n, *turn = choose(&dialogues);
	bool shared = random_below(2);
	struct talk t = { .prompt = -1 };
	int err;

	while (!turn->options.n)
		turn--;
	t.options = set_options(turn);
	if (t.options < 0)
		return t.options;
	t.prompt = open_file(CHAT, shared ? O_RDONLY : O_RDWR);
	err = t.prompt < 0 ? t.prompt : 0;
	if (!shared)
		drop_options(&t);
	do {
		if (!err)
			err = shared ? say_shared(turn) : write_all(t.prompt, turn->prompt);
		if (!err)
			err = read_answer(t.prompt, turn);
	} while (!err && !record->over && ++turn < end && !turn->options.n);
	return end_talk(&t, err);
}

/* Return: 0 or -errno. */
static int call(int fd, unsigned long command, void *argument)
{
	if (!ioctl(fd, command, argument))
		return 0;
	record_error(errno);
	return -errno;
}

/* Options that must be refused, one mistake in each. */
static int spoil(struct llamux_ioc_options *o)
{
	switch (random_below(9)) {
	case 0:
		o->reserved = 1;
		break;
	case 1:
		o->temperature = 17 << 16;
		break;
	case 2:
		o->max_tokens = 0;
		break;
	case 3:
		o->n_system = LLAMUX_SYSTEM_BYTES + 1;
		break;
	case 4:
		o->speculate = 8;
		break;
	case 5:
		o->chat_template = 9;
		break;
	case 6:
		o->n_stops = LLAMUX_STOPS + 1;
		break;
	case 7:
		strcpy(o->model, "none");
		break;
	default:
		o->n_system = 1;
		o->system[0] = '\xff';
		return -EILSEQ;
	}
	return -EINVAL;
}

static void expect_call(const char *what, int err, int right)
{
	if (err != right && !is_passing(err))
		fail("ioctl %s gave %d instead of %d", what, err, right);
}

/* Change options there and back, bad ones in between. Return: 0 or -errno. */
static int turn_options(int fd)
{
	static struct llamux_ioc_options before, changed, bad, after;
	int right, err = call(fd, LLAMUX_IOC_GET_OPTIONS, &before);

	if (err)
		return err;
	changed = before;
	changed.seed = random_below(UINT32_MAX);
	changed.max_tokens = 1 + random_below(100);
	changed.n_stops = 1;
	changed.stop_bytes[0] = 2;
	memcpy(changed.stops[0], "zq", 2);
	err = call(fd, LLAMUX_IOC_SET_OPTIONS, &changed);
	if (err)
		return err;
	bad = changed;
	right = spoil(&bad);
	expect_call("with bad options", call(fd, LLAMUX_IOC_SET_OPTIONS, &bad), right);
	expect_call("without options", call(fd, LLAMUX_IOC_SET_OPTIONS, NULL), -EFAULT);
	expect_call("of no number", call(fd, _IO(0xBE, 99), NULL), -ENOTTY);
	err = call(fd, LLAMUX_IOC_GET_OPTIONS, &after);
	if (err)
		return err;
	if (memcmp(&changed, &after, sizeof(after)))
		fail("options did not come back as they were set");
	return call(fd, LLAMUX_IOC_SET_OPTIONS, &before);
}

static void check_figures(int fd)
{
	struct llamux_ioc_figures f;
	int err = call(fd, LLAMUX_IOC_FIGURES, &f);

	if (err)
		expect_call("for figures", err, 0);
	else if (!f.prompt_tokens || f.reused_tokens > f.prompt_tokens || f.accepted > f.drafted ||
		 f.sampled > f.tokens + 1 || f.log_prob > 0)
		fail("figures make no sense: %llu of %llu tokens known, %llu of %llu right",
		     (unsigned long long)f.reused_tokens, (unsigned long long)f.prompt_tokens,
		     (unsigned long long)f.accepted, (unsigned long long)f.drafted);
}

/* What programs ask of an open file, before, within and after an answer. */
static int run_ioctls(void)
{
	const struct question *q = choose(&texts);
	struct talk t = { .prompt = -1 };
	long pos;
	int err;

	t.options = set_options(q);
	if (t.options < 0)
		return t.options;
	t.prompt = open_file(random_below(2) ? PROMPT : CHAT, O_RDWR);
	err = t.prompt < 0 ? t.prompt : turn_options(t.prompt);
	if (!err)
		err = write_all(t.prompt, q->prompt);
	if (!err) {
		pos = read_some(t.prompt, q, 0, 1 + random_below(8), ODD);
		err = pos < 0 ? pos : 0;
	}
	if (!err)
		check_figures(t.prompt);
	if (!err)
		err = call(t.prompt, LLAMUX_IOC_RESET, NULL);
	if (!err && (read(t.prompt, &pos, 1) >= 0 || errno != ENODATA))
		fail("something could be read after a reset");
	if (!err)
		err = write_all(t.prompt, q->prompt);
	if (!err)
		err = read_answer(t.prompt, q);
	return end_talk(&t, err);
}

/* A command to the registry of models. Return: 0 or -errno. */
__attribute__((format(printf, 1, 2))) static int control(const char *format, ...)
{
	struct bytes command;
	char text[256];
	va_list args;
	int fd, err, tries = 0;

	va_start(args, format);
	command = (struct bytes){ text, vsnprintf(text, sizeof(text), format, args) };
	va_end(args);
	do {
		fd = open_file(CONTROL, O_WRONLY);
	} while (fd == -ENOMEM && tries++ < 100 && (pause_up_to(LATER_US), true));
	if (fd < 0)
		return fd;
	/* Memory for a model may be long in coming. */
	err = strncmp(text, "load", 4) ? write_all(fd, command) :
					 write_once(fd, command.data, command.n);
	close(fd);
	return err;
}

/* A model by a name that nobody else has. */
static int load_model(const char *path, char name[32])
{
	snprintf(name, 32, "m%d", getpid());
	return control("load %s %s", path, name);
}

/* Ask a model by its name, in a conversation of its own. */
static int ask_model(struct talk *t, const struct question *q, const char *name)
{
	char line[64];
	struct bytes choice = { line, snprintf(line, sizeof(line), "model %s\n", name) };
	int err;

	t->prompt = -1;
	t->options = set_options(q);
	if (t->options < 0)
		return t->options;
	err = write_all(t->options, choice);
	if (err)
		return err;
	t->prompt = open_file(PROMPT, O_RDWR);
	return t->prompt < 0 ? t->prompt : write_all(t->prompt, q->prompt);
}

/* Another model for one conversation, unloaded before its answer is complete. */
static int run_models(void)
{
	const struct question *q = choose(&others);
	char name[32];
	struct talk t;
	long pos = 0;
	int gone, err = load_model(other_path, name);

	if (err)
		return err;
	err = ask_model(&t, q, name);
	if (!err) {
		pos = read_some(t.prompt, q, 0, 1 + random_below(8), ODD);
		err = pos < 0 ? pos : 0;
	}
	gone = control("unload %s", name);
	if (gone)
		fail("a model in use could not be unloaded: %d", gone);
	if (!err) {
		pos = read_some(t.prompt, q, pos, UINT32_MAX, random_below(N_MANNERS));
		err = pos < 0 ? pos : 0;
	}
	gone = control("default %s", name);
	if (gone != -ENOENT)
		fail("a model that is gone became the default: %d", gone);
	return end_talk(&t, err);
}

/* The name that the first model has. */
static void name_first(char name[32])
{
	const char *base = strrchr(model_path, '/');

	snprintf(name, 32, "%s", base ? base + 1 : model_path);
	if (strlen(name) > 5)
		name[strlen(name) - 5] = '\0';	/* .gguf */
}

/* The same file once more is the default for a while: answers are what they were. */
static int run_default(void)
{
	const struct question *q = choose(&texts);
	char name[32], first[32];
	struct stat facts;
	struct talk t;
	int gone, err;

	if (stat(model_path, &facts) || facts.st_size > SMALL)
		return 0;
	name_first(first);
	err = load_model(model_path, name);
	if (err)
		return err;
	err = control("default %s", name);
	if (err)
		fail("default %s: %d", name, err);
	err = ask_private(&t, q);
	if (!err)
		err = read_answer(t.prompt, q);
	end_talk(&t, 0);
	/* Somebody else may have chosen another one meanwhile. */
	gone = control("unload %s", name);
	if (gone == -EBUSY) {
		gone = control("default %s", first);
		if (!gone)
			gone = control("unload %s", name);
	}
	if (gone)
		fail("a default that is none any more could not be unloaded: %d", gone);
	return err;
}

/* An answer that is never waited for but in poll(). */
struct polled {
	const struct question *q;
	struct talk t;
	uint32_t pos;
	bool done;
};

/* What is there. Return: 1 where something came, 0, or -errno. */
static int take(struct polled *p)
{
	const struct bytes *a = &p->q->answer;
	char data[256];
	ssize_t n = read(p->t.prompt, data, 1 + random_below(sizeof(data)));

	if (n < 0) {
		record_error(errno);
		return errno == EAGAIN || errno == ENOMEM ? 0 : -errno;
	}
	if (n > a->n - p->pos || memcmp(data, a->data + p->pos, n) || (!n && p->pos != a->n)) {
		fail_mixed(p->q, p->pos, data, n);
		p->done = true;
		return 1;
	}
	p->pos += n;
	p->done = !n;
	record_add(n ? COUNT_BYTES : COUNT_COMPARED, n ? n : 1);
	return 1;
}

/* Until all are done. Return: 0 or -errno. */
static int take_all(struct polled *polled, uint32_t n)
{
	struct pollfd ready[MAX_POLLED];
	uint32_t i, left = n, idle = 0;
	int got;

	for (i = 0; i < n; i++)
		ready[i] = (struct pollfd){ .fd = polled[i].t.prompt, .events = POLLIN };
	while (left && idle < 3000) {
		if (poll(ready, n, 100) < 0)
			return -errno;
		idle++;
		for (i = 0; i < n; i++) {
			if (polled[i].done || (!ready[i].revents && random_below(4)))
				continue;
			got = take(&polled[i]);
			if (got < 0)
				return got;
			if (got)
				idle = 0;
			else
				pause_up_to(1000);
			if (polled[i].done) {
				ready[i].fd = -1;
				left--;
			}
		}
	}
	if (left)
		fail("%u of %u answers that are polled do not come", left, n);
	return 0;
}

static int run_polled(void)
{
	struct polled polled[MAX_POLLED] = { };
	uint32_t i, n = 1 + random_below(MAX_POLLED);
	int err = 0;

	for (i = 0; i < n && !err; i++) {
		struct polled *p = &polled[i];

		p->q = choose(&texts);
		err = ask_private(&p->t, p->q);
		if (!err && fcntl(p->t.prompt, F_SETFL, O_RDWR | O_NONBLOCK))
			err = -errno;
	}
	n = i;
	if (!err)
		err = take_all(polled, n);
	for (i = 0; i < n; i++)
		end_talk(&polled[i].t, 0);
	return err;
}

const struct kind kinds[] = {
	{ "private", 6, false, run_private },
	{ "shared", 6, false, run_shared },
	{ "chat", 4, false, run_chat },
	{ "dialogue", 6, false, run_dialogue },
	{ "again", 3, false, run_again },
	{ "pieces", 4, false, run_pieces },
	{ "several", 5, false, run_several },
	{ "killed", 6, false, run_killed },
	{ "interrupted", 6, false, run_interrupted },
	{ "changed", 4, false, run_changed },
	{ "abandoned", 4, false, run_abandoned },
	{ "logits", 5, true, run_logits },
	{ "status", 4, false, run_status },
	{ "malformed", 6, false, run_malformed },
	{ "busy", 3, false, run_busy },
	{ "ioctls", 5, false, run_ioctls },
	{ "models", 3, true, run_models },
	{ "default", 2, true, run_default },
	{ "polled", 5, false, run_polled },
};

const uint32_t n_kinds = ARRAY_SIZE(kinds);

// SPDX-License-Identifier: GPL-2.0
/* What a program can do. Whatever a call answers is right: the kernel's log is the judge. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../../../kmod/include/uapi/llamux.h"
#include "fuzz.h"

#define N_FILES 6
#define AREA 65536		/* bytes that may be written, before a page that may be read */
#define PAGE 4096
#define READS 64		/* to the end of an answer, at most */

static const char *const paths[] = {
	"/proc/llamux/prompt", "/proc/llamux/prompt", "/proc/llamux/chat", "/proc/llamux/options",
	"/proc/llamux/logits", "/proc/llamux/control", "/proc/llamux/models", "/proc/llamux/status",
	"/proc/llamux/stats", "/proc/llamux",
};

static int files[N_FILES] = { -1, -1, -1, -1, -1, -1 };	/* of all threads */
static __thread char *area;
static char *loose;			/* of all threads; comes and goes, for the kernel alone */

bool operations_begin(void)
{
	loose = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (loose == MAP_FAILED)
		return false;
	memset(loose, 'l', PAGE);
	return operations_begin_thread();
}

bool operations_begin_thread(void)
{
	area = mmap(NULL, AREA + 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	return area != MAP_FAILED && !mprotect(area + AREA, PAGE, PROT_READ) &&
	       !mprotect(area + AREA + PAGE, PAGE, PROT_NONE);
}

/* The file of that number, or the next one that is open. */
static int file_of(const struct operation *o)
{
	int i, fd;

	for (i = 0; i < N_FILES; i++) {
		fd = __atomic_load_n(&files[(o->file + i) % N_FILES], __ATOMIC_RELAXED);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

static void put(uint8_t which, int fd)
{
	fd = __atomic_exchange_n(&files[which % N_FILES], fd, __ATOMIC_RELAXED);
	if (fd >= 0)
		close(fd);
}

/* Where the kernel shall read or write @n bytes: well, mostly. */
static void *pointer(uint8_t how, size_t n)
{
	switch (how % 16) {
	case 7:
		return loose;
	case 8:
		return area + 1;
	case 9:
		return area + AREA - (n < AREA ? n : 1);
	case 10:
		return area + AREA - (n < AREA ? n / 2 : 1);
	case 11:
		return area + AREA;
	case 12:
		return area + AREA + PAGE;
	case 13:
		return NULL;
	case 14:
		return (void *)0xffff888000000000;
	case 15:
		return (void *)0x8000000000000000;
	default:
		return area;
	}
}

/* The same, with @n bytes moved from the area's beginning to it as far as they can be. */
static void *pointer_to(uint8_t how, size_t n)
{
	char *p = pointer(how, n);

	if (p > area && p < area + AREA)
		memmove(p, area, p + n > area + AREA ? (size_t)(area + AREA - p) : n);
	return p;
}

static long do_open(const struct operation *o)
{
	static const int modes[] = { O_RDWR, O_RDWR, O_RDONLY, O_WRONLY };
	static const int odd[] = {
		O_APPEND, O_TRUNC, O_CREAT, O_PATH, O_DIRECT, O_NOFOLLOW, O_SYNC, 3, O_TMPFILE,
	};
	const char *path = paths[o->a % ARRAY_SIZE(paths)];
	int fd, flags = modes[o->b % 4] | (o->c & 1 ? O_NONBLOCK : 0);
	char link[32];

	if (o->d >= 192)
		flags |= odd[o->d % ARRAY_SIZE(odd)];
	if (o->e >= 192) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", file_of(o));
		path = link;
	}
	fd = open(path, flags, 0600);
	if (fd >= 0)
		put(o->file, fd);
	return fd;
}

static long do_close(const struct operation *o)
{
	int fd = __atomic_exchange_n(&files[o->file % N_FILES], -1, __ATOMIC_RELAXED);

	return close(fd);
}

static long do_read(const struct operation *o)
{
	size_t n = size_of_transfer(o->a);

	return read(file_of(o), pointer(o->b, n), n);
}

static long do_pread(const struct operation *o)
{
	size_t n = size_of_transfer(o->a);

	return pread(file_of(o), pointer(o->b, n), n, number(o->c));
}

static long do_pwrite(const struct operation *o)
{
	size_t n = size_of_transfer(o->a);

	return pwrite(file_of(o), pointer(o->b, n), n, number(o->c));
}

static long read_all(int fd, size_t step)
{
	long n = 1;
	int i;

	for (i = 0; i < READS && n > 0; i++)
		n = read(fd, area, step);
	return n;
}

static long do_read_all(const struct operation *o)
{
	return read_all(file_of(o), 1 + o->a * 16);
}

/* The area's first bytes. Return: how many. */
static size_t make_prompt(const struct operation *o)
{
	struct text text = prompt_text(o->a);
	size_t n, rounds = o->b < 224 ? 1 : 8u << (o->b & 7);

	for (n = 0; rounds-- && n + text.n <= AREA; n += text.n)
		memcpy(area + n, text.data, text.n);
	if (o->c >= 192 && n)
		n -= o->c % n;
	if (o->d >= 192 && n)
		area[o->d % n] ^= o->e;
	return n;
}

static long do_write(const struct operation *o)
{
	size_t n = make_prompt(o);

	return write(file_of(o), pointer_to(o->f, n), n);
}

static long do_ask(const struct operation *o)
{
	size_t n = make_prompt(o);
	int fd = file_of(o);
	long done = write(fd, area, n);

	return done < 0 ? done : read_all(fd, 1 + o->f);
}

static long do_write_size(const struct operation *o)
{
	size_t n = size_of_transfer(o->a);

	memset(area, o->c < 128 ? 'x' : o->c, AREA);
	return write(file_of(o), pointer(o->b, n), n);
}

/* The area's first @n bytes, to a file that they are for or to any. */
static long write_area(const struct operation *o, const char *path, size_t n)
{
	int fd;

	if (o->file < 128) {
		fd = open(path, O_RDWR);
		if (fd < 0)
			return fd;
		put(o->file, fd);
	}
	return write(file_of(o), area, n);
}

static long do_write_options(const struct operation *o)
{
	int n;

	if (o->f < 128)
		n = snprintf(area, AREA, "%s %s\n", option_key(o->a), option_value(o->b));
	else
		n = snprintf(area, AREA, "%s %s\n%s%s%s", option_key(o->a), option_value(o->b),
			     option_key(o->c), o->e & 1 ? " " : "", option_value(o->d));
	return write_area(o, "/proc/llamux/options", n);
}

static long do_write_command(const struct operation *o)
{
	const char *verb = command_verb(o->a);
	int n;

	if (!strcmp(verb, "load") || o->d >= 224)
		n = snprintf(area, AREA, "%s %s %s%s", verb, command_path(o->b), model_name(o->c),
			     o->e >= 224 ? " x" : "");
	else
		n = snprintf(area, AREA, "%s %s", verb, model_name(o->c));
	shared->commanded = 1;
	return write_area(o, "/proc/llamux/control", n);
}

static long do_write_tokens(const struct operation *o)
{
	size_t n = 0;
	int i;

	if (o->a >= 128)
		n += snprintf(area, AREA, "batch %llu ", (unsigned long long)number(o->b));
	for (i = 0; i < o->c % 24; i++)
		n += snprintf(area + n, AREA - n, "%u ", o->d + 37u * i);
	if (o->e >= 192)
		n += snprintf(area + n, AREA - n, "%llu%c", (unsigned long long)number(o->e),
			      o->f < 224 ? ' ' : o->f);
	return write_area(o, "/proc/llamux/logits", n);
}

static long do_vector(const struct operation *o)
{
	struct iovec v[4];
	uint32_t i, n = o->a % 5;

	for (i = 0; i < 4; i++) {
		v[i].iov_len = size_of_transfer(i & 1 ? o->c : o->b);
		v[i].iov_base = pointer(i & 1 ? o->e : o->d, v[i].iov_len);
	}
	memset(area, 'v', PAGE);
	if (o->f >= 224)
		return preadv2(file_of(o), v, n, -1, o->f & 31);
	return o->f & 1 ? readv(file_of(o), v, n) : writev(file_of(o), v, n);
}

static long do_seek(const struct operation *o)
{
	return lseek(file_of(o), number(o->a), o->b % 6);
}

static void make_options(struct llamux_ioc_options *u)
{
	*u = (struct llamux_ioc_options){
		.top_p = 65536,
		.repeat_penalty = 65536,
		.max_tokens = 3,
		.speculate = 7,
		.chat_template = LLAMUX_TEMPLATE_AUTO,
		.n_system = LLAMUX_OWN_SYSTEM,
	};
}

/* Next to @limit mostly, where checks are. */
static uint32_t about(uint32_t limit, uint8_t value)
{
	return value < 128 ? limit - 2 + value % 5 : (uint32_t)number(value);
}

static void change_options(struct llamux_ioc_options *u, uint8_t field, uint8_t value)
{
	uint32_t *numbers[] = {
		&u->temperature, &u->top_k, &u->top_p, &u->min_p, &u->repeat_penalty,
		&u->max_tokens, &u->speculate, (uint32_t *)&u->chat_template, &u->n_stops,
		&u->n_system, &u->reserved,
	};
	uint32_t i = field % 20;

	if (i < ARRAY_SIZE(numbers)) {
		*numbers[i] = number(value);
		return;
	}
	switch (i) {
	case 11:
		u->seed = number(value);
		break;
	case 12:
		u->n_stops = about(LLAMUX_STOPS, value);
		memset(u->stop_bytes, about(LLAMUX_STOP_BYTES, value), sizeof(u->stop_bytes));
		memset(u->stops, 'e', sizeof(u->stops));
		break;
	case 13:
		u->n_stops = 1 + value % 4;
		memset(u->stop_bytes, 1 + value % 3, sizeof(u->stop_bytes));
		memset(u->stops, value < 128 ? 'e' : value, sizeof(u->stops));
		break;
	case 14:
		/* Without its end, where there is no room for it. */
		memcpy(u->model, model_name(value), strnlen(model_name(value), sizeof(u->model)));
		break;
	case 15:
		memset(u->model, value, sizeof(u->model));
		break;
	case 16:
		u->n_system = about(LLAMUX_SYSTEM_BYTES, value);
		memset(u->system, value < 224 ? 's' : value, sizeof(u->system));
		break;
	default:
		((uint8_t *)u)[value * 17 % sizeof(*u)] ^= field;
	}
}

static long do_set_options(const struct operation *o)
{
	struct llamux_ioc_options *u = (void *)area;

	make_options(u);
	change_options(u, o->a, o->b);
	if (o->c >= 128)
		change_options(u, o->d, o->e);
	return ioctl(file_of(o), LLAMUX_IOC_SET_OPTIONS, pointer_to(o->f, sizeof(*u)));
}

static long do_ioctl(const struct operation *o)
{
	static const unsigned long commands[] = {
		LLAMUX_IOC_GET_OPTIONS, LLAMUX_IOC_FIGURES, LLAMUX_IOC_RESET,
		LLAMUX_IOC_SET_OPTIONS, LLAMUX_IOC_RESET, LLAMUX_IOC_FIGURES,
		FIONBIO, FIOASYNC, FIONREAD, FIOCLEX, TCGETS,
	};
	unsigned long command = commands[o->a % ARRAY_SIZE(commands)];

	if (o->d >= 192)
		command ^= 1ul << o->e % 40;
	if (o->c >= 224)
		return ioctl(file_of(o), command, number(o->b));
	return ioctl(file_of(o), command, pointer(o->b, PAGE));
}

static long do_poll(const struct operation *o)
{
	struct pollfd waited = { .fd = file_of(o) };

	waited.events = o->a < 128 ? POLLIN : o->a < 192 ? POLLIN | POLLOUT : number(o->b);
	return poll(&waited, 1, o->c % 32);
}

static long do_epoll(const struct operation *o)
{
	struct epoll_event event = { .events = o->a < 192 ? EPOLLIN : number(o->b) };
	int set = epoll_create1(0), fd = file_of(o);
	long done = epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);

	if (!done)
		done = epoll_wait(set, &event, 1, o->c % 32);
	if (o->d >= 128) {
		epoll_ctl(set, EPOLL_CTL_MOD, fd, &event);
		epoll_ctl(set, EPOLL_CTL_DEL, fd, &event);
	}
	close(set);
	return done;
}

static long do_nonblock(const struct operation *o)
{
	return fcntl(file_of(o), F_SETFL, o->a & 1 ? O_NONBLOCK : 0);
}

static long do_dup(const struct operation *o)
{
	int fd = dup(file_of(o));

	if (fd >= 0)
		put(o->a, fd);
	return fd;
}

static long do_interrupt(const struct operation *o)
{
	struct itimerval t = { .it_value.tv_usec = 1 + o->a * o->a * (o->b < 224 ? 1 : 8) };

	if (o->c >= 192)
		t.it_interval = t.it_value;
	return setitimer(ITIMER_REAL, &t, NULL);
}

static long do_sleep(const struct operation *o)
{
	return usleep(o->a * o->a / 4);
}

static long do_signal(const struct operation *o)
{
	static const int signals[] = { SIGUSR1, SIGSTOP, SIGCONT, SIGKILL };
	uint32_t n = __atomic_load_n(&shared->n_processes, __ATOMIC_RELAXED);
	uint32_t i = o->b % MAX_PROCESSES;

	if (o->a < 128)
		return kill(getpid(), SIGUSR1);
	if (i >= n || shared->processes[i] <= 1)
		return 0;
	return kill(shared->processes[i], signals[o->a % 4]);
}

static long do_become_user(const struct operation *o)
{
	/* Of this thread alone. */
	return syscall(SYS_setresuid, -1, o->a & 1 ? USER : 0, -1);
}

static long do_session(const struct operation *o)
{
	return o->a & 1 ? setsid() : setpgid(0, 0);
}

static long do_schedule(const struct operation *o)
{
	cpu_set_t set;
	int i;

	if (o->a & 1)
		return setpriority(PRIO_PROCESS, 0, o->b % 20);
	CPU_ZERO(&set);
	for (i = 0; i < 8; i++)
		if (o->b >> i & 1)
			CPU_SET(i, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static long do_splice(const struct operation *o)
{
	int fd = file_of(o), ends[2];
	size_t n = size_of_transfer(o->b);
	long done;

	if (pipe2(ends, O_NONBLOCK))
		return -1;
	if (o->c & 1)
		write(ends[1], "spliced", 7);
	switch (o->a % 4) {
	case 0:
		done = splice(fd, NULL, ends[1], NULL, n, SPLICE_F_NONBLOCK);
		break;
	case 1:
		done = splice(ends[0], NULL, fd, NULL, n, SPLICE_F_NONBLOCK);
		break;
	case 2:
		done = sendfile(ends[1], fd, NULL, n);
		break;
	default:
		done = copy_file_range(fd, NULL, ends[1], NULL, n, 0);
	}
	close(ends[0]);
	close(ends[1]);
	return done;
}

static long do_map(const struct operation *o)
{
	void *p = mmap(NULL, PAGE, o->a & 1 ? PROT_READ : PROT_READ | PROT_WRITE,
		       o->a & 2 ? MAP_SHARED : MAP_PRIVATE, file_of(o), 0);

	if (p == MAP_FAILED)
		return -1;
	return munmap(p, PAGE);
}

static long do_other(const struct operation *o)
{
	int fd = file_of(o);
	struct stat st;

	switch (o->a % 10) {
	case 0:
		return fstat(fd, &st);
	case 1:
		return ftruncate(fd, number(o->b));
	case 2:
		return fallocate(fd, o->c % 4, 0, number(o->b));
	case 3:
		return fsync(fd);
	case 4:
		return flock(fd, (o->b & 1 ? LOCK_EX : LOCK_SH) | LOCK_NB);
	case 5:
		return fcntl(fd, F_SETOWN, getpid());
	case 6:
		return fcntl(fd, F_SETFL, O_ASYNC | (o->b & 1 ? O_NONBLOCK : 0));
	case 7:
		return readahead(fd, 0, PAGE);
	case 8:
		return syscall(SYS_getdents64, fd, pointer(o->b, PAGE), PAGE);
	default:
		return posix_fadvise(fd, 0, 0, o->b % 6);
	}
}

static long do_remove_module(const struct operation *o)
{
	(void)o;
	return syscall(SYS_delete_module, "llamux", O_NONBLOCK);
}

static long do_change_memory(const struct operation *o)
{
	static const int protections[] = { PROT_NONE, PROT_READ };

	mprotect(loose, AREA, protections[o->a & 1]);
	usleep(o->b);
	return mprotect(loose, AREA, PROT_READ | PROT_WRITE);
}

/* Of those that come, on a kernel that can. */
static long do_fail_allocation(const struct operation *o)
{
	int fd = open("/proc/thread-self/fail-nth", O_WRONLY);
	char text[8];
	long done = write(fd, text, snprintf(text, sizeof(text), "%u", 1 + o->a % 8));

	close(fd);
	return done;
}

static long do_ring(const struct operation *o)
{
	size_t n = size_of_transfer(o->b);

	memset(area, 'r', PAGE);
	return ring_transfer(file_of(o), o->a, pointer(o->c, n), n, o->d & 1);
}

static const struct {
	const char *name;
	long (*run)(const struct operation *o);
} kinds[] = {
	{ "open", do_open },
	{ "open", do_open },
	{ "open", do_open },
	{ "close", do_close },
	{ "read", do_read },
	{ "read", do_read },
	{ "pread", do_pread },
	{ "pwrite", do_pwrite },
	{ "read all", do_read_all },
	{ "write", do_write },
	{ "write", do_write },
	{ "ask", do_ask },
	{ "ask", do_ask },
	{ "write size", do_write_size },
	{ "options", do_write_options },
	{ "options", do_write_options },
	{ "command", do_write_command },
	{ "command", do_write_command },
	{ "tokens", do_write_tokens },
	{ "tokens", do_write_tokens },
	{ "vector", do_vector },
	{ "seek", do_seek },
	{ "set options", do_set_options },
	{ "set options", do_set_options },
	{ "ioctl", do_ioctl },
	{ "ioctl", do_ioctl },
	{ "poll", do_poll },
	{ "epoll", do_epoll },
	{ "nonblock", do_nonblock },
	{ "dup", do_dup },
	{ "interrupt", do_interrupt },
	{ "sleep", do_sleep },
	{ "signal", do_signal },
	{ "become user", do_become_user },
	{ "session", do_session },
	{ "schedule", do_schedule },
	{ "splice", do_splice },
	{ "map", do_map },
	{ "other", do_other },
	{ "remove module", do_remove_module },
	{ "change memory", do_change_memory },
	{ "fork", NULL },
	{ "fail allocation", do_fail_allocation },
	{ "ring", do_ring },
};

const uint32_t n_kinds = ARRAY_SIZE(kinds);

const char *kind_name(uint32_t kind)
{
	return kinds[kind].name;
}

_Static_assert(ARRAY_SIZE(kinds) <= MAX_KINDS, "a kind is six bits");

static const struct operation *operation_at(const struct input *input, uint32_t i)
{
	return (const void *)(input->bytes + HEADER_BYTES + i * OPERATION_BYTES);
}

static uint32_t kind_of(const struct operation *o)
{
	return (o->kind & 63) % ARRAY_SIZE(kinds);
}

static void run_one(const struct operation *o)
{
	uint32_t k = kind_of(o);
	int err;

	errno = 0;
	err = kinds[k].run(o) < 0 ? errno : 0;
	if (err < MAX_ERRNO)
		shared->results[k][err] = 1;
	shared->details[(k * 16 + o->a % 16 + err * 2027) % N_DETAILS] = 1;
}

/*
 * Let another process do the next operations, with the same files.
 * Return: how many; 0 where it cannot be.
 */
static uint32_t fork_for(const struct input *input, uint32_t i, uint32_t to, uint32_t t, uint32_t n)
{
	const struct operation *o = operation_at(input, i);
	uint32_t number, steps = 1 + o->a % 6;
	pid_t pid;

	if (steps > to - i - 1)
		steps = to - i - 1;
	number = __atomic_fetch_add(&shared->n_processes, 1, __ATOMIC_RELAXED);
	if (number >= MAX_PROCESSES)
		return 0;
	pid = fork();
	if (pid < 0)
		return 0;
	if (pid) {
		__atomic_store_n(&shared->processes[number], pid, __ATOMIC_RELAXED);
		return steps;
	}
	if (o->b >= 192)
		_exit(0);
	operations_run(input, i + 1, i + 1 + steps, t, n);
	operations_end();
	_exit(0);
}

void operations_run(const struct input *input, uint32_t from, uint32_t to, uint32_t t, uint32_t n)
{
	const struct operation *o;
	uint32_t i;

	for (i = from; i < to; i++) {
		o = operation_at(input, i);
		if (n > 1 && (o->kind >> 6) % n != t)
			continue;
		if (kinds[kind_of(o)].run)
			run_one(o);
		else
			i += fork_for(input, i, to, t, n);
	}
}

void operations_end(void)
{
	uint32_t i;

	for (i = 0; i < N_FILES; i++)
		put(i, -1);
}

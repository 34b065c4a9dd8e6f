// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of libllamux against imitations of the files of /proc/llamux, for sanitizers: sizes at
 * their limits, answers in pieces of all sizes, and every error.
 *
 *	libllamux_check
 *
 * Exit codes: 0, 1 if a check failed (standard error names it), 2 if the imitation failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define open fake_open
#define read fake_read
#define write fake_write
#define ioctl fake_ioctl
static int fake_open(const char *path, int flags, ...);
static ssize_t fake_read(int fd, void *buffer, size_t size);
static ssize_t fake_write(int fd, const void *data, size_t n);
static int fake_ioctl(int fd, unsigned long command, ...);

#include "../../../libllamux/llamux.c"

#define CHECK(what) \
	do { \
		if (!(what)) { \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what); \
			exit(1); \
		} \
	} while (0)

/*
 * The imitation: the files' contents (@stats, @models, @n_answer bytes of an answer in pieces of
 * @piece bytes), the errors that calls return, and what the library wrote.
 */
static struct {
	const char *stats;
	const char *models;
	size_t n_answer;
	size_t pos;
	size_t piece;
	int read_errno;		/* of the read after the answer, or 0 */
	int write_errno;
	char written[8192];
	size_t n_written;
	int open_errno;
	int is_reset;
	struct llamux_ioc_options options;
	int is_set;
	struct llamux_ioc_figures figures;
} fake;

/* Return the answer's byte at a position. */
static char letter(size_t pos)
{
	return (char)('a' + pos % 23);
}

static int fake_open(const char *path, int flags, ...)
{
	const char *text = !strcmp(path, STATS) ? fake.stats :
			   !strcmp(path, MODELS) ? fake.models : NULL;
	int fd;

	if (fake.open_errno) {
		errno = fake.open_errno;
		return -1;
	}
	if (!text)
		return (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", flags);
	fd = memfd_create("text", 0);
	if (fd < 0 || syscall(SYS_write, fd, text, strlen(text)) < 0)
		exit(2);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static ssize_t fake_read(int fd, void *buffer, size_t size)
{
	size_t i, n = fake.n_answer - fake.pos;

	(void)fd;
	n = n < size ? n : size;
	n = n < fake.piece ? n : fake.piece;
	for (i = 0; i < n; i++)
		((char *)buffer)[i] = letter(fake.pos + i);
	fake.pos += n;
	if (n || !fake.read_errno)
		return (ssize_t)n;
	errno = fake.read_errno;
	return -1;
}

/* Take half of the bytes, so that the library writes a prompt in pieces. */
static ssize_t fake_write(int fd, const void *data, size_t n)
{
	(void)fd;
	if (fake.write_errno) {
		errno = fake.write_errno;
		return -1;
	}
	n = (n + 1) / 2;
	memcpy(fake.written + fake.n_written, data, n);
	fake.n_written += n;
	return (ssize_t)n;
}

/* Check numbers as the module does; take any model but "none". */
static int take_options(const struct llamux_ioc_options *o)
{
	if (o->temperature > 16 * RATIO || !o->top_p || o->top_p > RATIO || o->min_p > RATIO ||
	    o->repeat_penalty < RATIO / 2 || o->repeat_penalty > 16 * RATIO ||
	    !strcmp(o->model, "none")) {
		errno = EINVAL;
		return -1;
	}
	fake.options = *o;
	fake.is_set++;
	return 0;
}

static int fake_ioctl(int fd, unsigned long command, ...)
{
	void *argument;
	va_list rest;

	(void)fd;
	if (command == LLAMUX_IOC_RESET) {
		fake.is_reset++;
		return 0;
	}
	va_start(rest, command);
	argument = va_arg(rest, void *);
	va_end(rest);
	if (command == LLAMUX_IOC_SET_OPTIONS)
		return take_options(argument);
	*(struct llamux_ioc_figures *)argument = fake.figures;
	return 0;
}

static void begin(size_t n_answer, size_t piece)
{
	memset(&fake, 0, sizeof(fake));
	fake.n_answer = n_answer;
	fake.piece = piece;
}

static void check_answers(void)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 8192, 100000 };
	static const size_t pieces[] = { 7, 4095, 4096, 100000 };
	char *answer;
	size_t i, j, at;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (j = 0; j < ARRAY_SIZE(pieces); j++) {
			begin(sizes[i], pieces[j]);
			CHECK(!llamux_query("why?", NULL, &answer));
			CHECK(strlen(answer) == sizes[i]);
			for (at = 0; at < sizes[i]; at++)
				CHECK(answer[at] == letter(at));
			CHECK(fake.n_written == 4 && !memcmp(fake.written, "why?", 4));
			CHECK(!fake.is_set);
			free(answer);
		}
	begin(5000, 100);
	fake.read_errno = EIO;
	CHECK(llamux_query("x", NULL, &answer) == -EIO && !answer);
	begin(5, 5);
	fake.write_errno = EMSGSIZE;
	CHECK(llamux_query("x", NULL, &answer) == -EMSGSIZE && !answer);
}

static int stop_at_third(const char *text, size_t n, void *data)
{
	(void)text;
	CHECK(n == 2);
	return ++*(int *)data == 3 ? 42 : 0;
}

static void check_figures(const struct llamux *handle)
{
	struct llamux_figures f = { 0 };

	fake.figures = (struct llamux_ioc_figures){
		1, 2, 3, 4, 5, 6, 7, 8, .sampled = 9, .log_prob = -9 * RATIO / 2, .margin = RATIO,
	};
	CHECK(!llamux_figures(handle, &f));
	CHECK(f.prompt_tokens == 1 && f.reused_tokens == 2 && f.tokens == 3);
	CHECK(f.drafted == 4 && f.accepted == 5);
	CHECK(f.ttft_us == 6 && f.prefill_us == 7 && f.decode_us == 8);
	CHECK(f.log_prob == -0.5 && f.margin == 1 / 9.0);
	fake.figures.sampled = 0;
	CHECK(!llamux_figures(handle, &f) && f.log_prob == 0 && f.margin == 0);
}

static void check_handles(void)
{
	struct llamux *handle;
	char text[16];
	int pieces = 0;

	begin(100, 2);
	CHECK(llamux_stream("x", NULL, stop_at_third, &pieces) == 42 && pieces == 3);
	begin(20, 100);
	fake.read_errno = EAGAIN;
	CHECK(!llamux_start(&handle, "one", NULL));
	CHECK(llamux_fd(handle) >= 0);
	CHECK(llamux_take(handle, text, sizeof(text)) == 16);
	CHECK(llamux_take(handle, text, sizeof(text)) == 4);
	CHECK(llamux_take(handle, text, sizeof(text)) == -EAGAIN);
	CHECK(!llamux_next(handle, "two") && !memcmp(fake.written, "onetwo", 6));
	CHECK(llamux_next(handle, "") == -ENODATA && fake.n_written == 6);
	CHECK(!fake.is_reset && !llamux_reset(handle) && fake.is_reset == 1);
	check_figures(handle);
	llamux_finish(handle);
	llamux_finish(NULL);
	fake.write_errno = EUSERS;
	CHECK(llamux_start(&handle, "x", NULL) == -EUSERS && !handle);
}

/* Ask with some options. Return: the result. */
static int ask_with(const struct llamux_options *options)
{
	char *answer;
	int err;

	begin(1, 1);
	fake.models = "good\tdefault\n";
	err = llamux_query("x", options, &answer);
	free(answer);
	CHECK(fake.is_set == !err);
	return err;
}

/* Return a text of @n bytes, to be freed. */
static char *text_of(size_t n)
{
	char *text = malloc(n + 1);

	CHECK(text);
	memset(text, 's', n);
	text[n] = '\0';
	return text;
}

/* Check that @field takes a text of @most bytes, and gives @err for one more. */
static void check_texts(size_t most, const char **field, struct llamux_options *options, int err)
{
	char *fits = text_of(most), *does_not = text_of(most + 1);

	*field = fits;
	CHECK(!ask_with(options));
	*field = does_not;
	CHECK(ask_with(options) == err);
	*field = NULL;
	free(fits);
	free(does_not);
}

static void check_options(void)
{
	static const double bad[] = { -0.001, 65535, 1e300, -1e300, 0.0 / 0.0, 1.0 / 0.0 };
	struct llamux_options o = LLAMUX_OPTIONS_DEFAULT;
	double *const ratios[] = { &o.temperature, &o.top_p, &o.min_p, &o.repeat_penalty };
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(ratios); i++)
		for (j = 0; j < ARRAY_SIZE(bad); j++) {
			double good = *ratios[i];

			*ratios[i] = bad[j];
			CHECK(ask_with(&o) == -EINVAL);
			*ratios[i] = good;
		}
	o.temperature = 0.8;
	o.top_k = 40;
	o.min_p = 0.25;
	o.repeat_penalty = 1.5;
	o.seed = 1ull << 63;
	o.chat_template = "llama-3";
	for (i = 0; i < LLAMUX_N_STOPS; i++) {
		check_texts(LLAMUX_STOP_BYTES, &o.stops[i], &o, -EINVAL);
		o.stops[i] = "é";
	}
	CHECK(!ask_with(&o));
	CHECK(fake.options.temperature == 52429 && fake.options.top_p == 65536);
	CHECK(fake.options.top_k == 40 && fake.options.min_p == 16384);
	CHECK(fake.options.repeat_penalty == 98304 && fake.options.seed == 1ull << 63);
	CHECK(fake.options.max_tokens == 256 && fake.options.speculate == 7);
	CHECK(fake.options.chat_template == 4 && fake.options.n_stops == 4);
	CHECK(fake.options.stop_bytes[3] == 2 && fake.options.n_system == LLAMUX_OWN_SYSTEM);
	check_texts(LLAMUX_SYSTEM_BYTES, &o.system, &o, -EINVAL);
	check_texts(LLAMUX_MODEL_BYTES - 1, &o.model, &o, -ENOENT);
	o.system = "";
	o.chat_template = NULL;
	CHECK(!ask_with(&o) && !fake.options.n_system);
	CHECK(fake.options.chat_template == LLAMUX_TEMPLATE_AUTO);
	o.chat_template = "chatml2";
	CHECK(ask_with(&o) == -EINVAL);
	o.chat_template = NULL;
	o.model = "none";
	CHECK(ask_with(&o) == -ENOENT);
	o.model = "good";
	CHECK(!ask_with(&o));
	o.top_p = 0;
	CHECK(ask_with(&o) == -EINVAL);
	o.model = "";
	CHECK(ask_with(&o) == -EINVAL);
}

static void check_stats(void)
{
	char *title = text_of(200), *text;
	struct llamux_stats stats;

	begin(0, 0);
	CHECK(asprintf(&text, "model %s\nisa avx2\nn_ctx 9\nnew 1 2\nodd\n\nanswers %llu\n", title,
		       ~0ull) > 0);
	fake.stats = text;
	CHECK(!llamux_stats(&stats));
	CHECK(strlen(stats.model) == sizeof(stats.model) - 1 && !strcmp(stats.isa, "avx2"));
	CHECK(stats.n_ctx == 9 && stats.answers == ~0ull && !stats.decode_us);
	fake.stats = "";
	CHECK(!llamux_stats(&stats) && !stats.n_ctx && !*stats.model);
	free(title);
	free(text);
}

static void check_models(void)
{
	char *title = text_of(200), *text, *name = text_of(LLAMUX_MODEL_BYTES);
	struct llamux_model m[2];

	begin(0, 0);
	CHECK(asprintf(&text, "a\tloaded\t3\t%llu\t64\tQ8_0\tA b\nodd\tdefault\n\n"
		       "%s\tdefault\t0\t2\t1\t%s\t%s\tnew\n", ~0ull, title, title, title) > 0);
	fake.models = text;
	memset(m, 0x55, sizeof(m));
	CHECK(llamux_models(NULL, 0) == 2 && llamux_models(m, 1) == 2 && m[1].users == m[1].bytes);
	CHECK(llamux_models(m, 2) == 2);
	CHECK(!strcmp(m[0].name, "a") && !strcmp(m[0].kind, "Q8_0") && !strcmp(m[0].title, "A b"));
	CHECK(!m[0].is_default && m[0].users == 3 && m[0].bytes == ~0ull && m[0].n_ctx == 64);
	CHECK(m[1].is_default && !m[1].users && m[1].bytes == 2 && m[1].n_ctx == 1);
	CHECK(strlen(m[1].name) == sizeof(m[1].name) - 1);
	CHECK(strlen(m[1].kind) == sizeof(m[1].kind) - 1);
	CHECK(strlen(m[1].title) == sizeof(m[1].title) - 1);
	CHECK(llamux_set_model(name) == -ENOENT && llamux_set_model("") == -ENOENT);
	name[LLAMUX_MODEL_BYTES - 1] = '\0';
	CHECK(!llamux_set_model(name) && fake.n_written == strlen("default ") + strlen(name));
	fake.write_errno = EINVAL;
	CHECK(llamux_set_model("a b") == -ENOENT);
	fake.open_errno = EACCES;
	CHECK(llamux_set_model("a") == -EPERM && llamux_models(m, 2) == -EACCES);
	free(title);
	free(text);
	free(name);
}

int main(void)
{
	int err;

	check_answers();
	check_handles();
	check_options();
	check_stats();
	check_models();
	for (err = -200; err <= 0; err++)
		CHECK(*llamux_strerror(err));
	return 0;
}

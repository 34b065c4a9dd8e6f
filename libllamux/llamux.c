// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <uapi/llamux.h>

#include "llamux.h"

#define PROMPT "/proc/llamux/prompt"
#define CHAT "/proc/llamux/chat"
#define STATS "/proc/llamux/stats"
#define MODELS "/proc/llamux/models"
#define CONTROL "/proc/llamux/control"

#define RATIO 65536
#define PIECE 4096
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static_assert(LLAMUX_N_STOPS == LLAMUX_STOPS, "stop texts");
static_assert(sizeof(((struct llamux_model *)0)->name) == LLAMUX_MODEL_BYTES, "model's name");

struct llamux {
	int fd;
};

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	/* -ENOENT says that no model has a name; without the module no file exists. */
	return errno == ENOENT ? -ENODEV : -errno;
}

/* Call @take for each line of a file, without its newline. */
static int read_lines(const char *path, void (*take)(char *line, void *data), void *data)
{
	int fd = open_file(path, O_RDONLY);
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	FILE *file;
	int err;

	if (fd < 0)
		return fd;
	file = fdopen(fd, "r");
	if (!file) {
		err = -errno;
		close(fd);
		return err;
	}
	while ((n = getline(&line, &size, file)) > 0) {
		line[n - 1] = '\0';
		take(line, data);
	}
	err = ferror(file) ? -EIO : 0;
	free(line);
	fclose(file);
	return err;
}

/**
 * struct option - An option: its places in the caller's structure and in the kernel's.
 * @copy: Check it and copy it. Return 0 or -errno.
 * @from: Offset in struct llamux_options.
 * @to:   Offset in struct llamux_ioc_options.
 */
struct option {
	int (*copy)(const struct option *option, const void *from, struct llamux_ioc_options *to);
	size_t from;
	size_t to;
};

static void store(const struct option *option, struct llamux_ioc_options *to, const void *value,
		  size_t n)
{
	memcpy((char *)to + option->to, value, n);
}

/* A ratio that has no 65536ths becomes the largest number: the module refuses and logs it. */
static int copy_ratio(const struct option *option, const void *from, struct llamux_ioc_options *to)
{
	double ratio = *(const double *)from;
	uint32_t v = UINT32_MAX;

	if (ratio >= 0 && ratio < RATIO - 1)
		v = (uint32_t)(ratio * RATIO + 0.5);
	store(option, to, &v, sizeof(v));
	return 0;
}

static int copy_u32(const struct option *option, const void *from, struct llamux_ioc_options *to)
{
	store(option, to, from, sizeof(uint32_t));
	return 0;
}

static int copy_u64(const struct option *option, const void *from, struct llamux_ioc_options *to)
{
	store(option, to, from, sizeof(uint64_t));
	return 0;
}

static int copy_template(const struct option *option, const void *from,
			 struct llamux_ioc_options *to)
{
	static const char *const names[] = { "none", "chatml", "zephyr", "llama-2", "llama-3" };
	const char *name = *(const char *const *)from;
	int32_t i = name ? 0 : LLAMUX_TEMPLATE_AUTO;

	while (name && strcmp(name, names[i]))
		if (++i == ARRAY_SIZE(names))
			return -EINVAL;
	store(option, to, &i, sizeof(i));
	return 0;
}

static int copy_model(const struct option *option, const void *from, struct llamux_ioc_options *to)
{
	const char *name = *(const char *const *)from;
	size_t n = name ? strlen(name) : 0;

	if (n >= LLAMUX_MODEL_BYTES)
		return -ENOENT;
	if (n)
		store(option, to, name, n);
	return 0;
}

static int copy_stops(const struct option *option, const void *from, struct llamux_ioc_options *to)
{
	const char *const *stops = from;
	uint32_t i;
	size_t n;

	(void)option;
	for (i = 0; i < LLAMUX_STOPS && stops[i]; i++) {
		n = strlen(stops[i]);
		if (n > LLAMUX_STOP_BYTES)
			return -EINVAL;
		memcpy(to->stops[i], stops[i], n);
		to->stop_bytes[i] = (uint8_t)n;
	}
	to->n_stops = i;
	return 0;
}

static int copy_system(const struct option *option, const void *from, struct llamux_ioc_options *to)
{
	const char *text = *(const char *const *)from;
	size_t n = text ? strlen(text) : 0;

	if (n > LLAMUX_SYSTEM_BYTES)
		return -EINVAL;
	to->n_system = text ? (uint32_t)n : LLAMUX_OWN_SYSTEM;
	if (n)
		store(option, to, text, n);
	return 0;
}

#define OPTION(copy, field) \
	{ copy, offsetof(struct llamux_options, field), offsetof(struct llamux_ioc_options, field) }

static const struct option table[] = {
	OPTION(copy_ratio, temperature),
	OPTION(copy_u32, top_k),
	OPTION(copy_ratio, top_p),
	OPTION(copy_ratio, min_p),
	OPTION(copy_ratio, repeat_penalty),
	OPTION(copy_u64, seed),
	OPTION(copy_u32, max_tokens),
	OPTION(copy_u32, speculate),
	OPTION(copy_template, chat_template),
	OPTION(copy_model, model),
	OPTION(copy_stops, stops),
	OPTION(copy_system, system),
};

/* Search for a model. */
struct wanted {
	const char *name;
	bool found;
};

static void compare(char *line, void *data)
{
	struct wanted *wanted = data;

	if (!strcmp(strsep(&line, "\t"), wanted->name))
		wanted->found = true;
}

static bool is_unknown(const char *model)
{
	struct wanted wanted = { .name = model };

	return model && *model && !read_lines(MODELS, compare, &wanted) && !wanted.found;
}

static int set_options(int fd, const struct llamux_options *from)
{
	struct llamux_ioc_options to = { 0 };
	int err = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table) && !err; i++)
		err = table[i].copy(&table[i], (const char *)from + table[i].from, &to);
	if (!err && ioctl(fd, LLAMUX_IOC_SET_OPTIONS, &to))
		err = -errno;
	/* The kernel has -EINVAL for every wrong value. */
	return err == -EINVAL && is_unknown(from->model) ? -ENOENT : err;
}

static int write_all(int fd, const char *text, size_t n)
{
	ssize_t done;

	while (n) {
		done = write(fd, text, n);
		if (done < 0)
			return -errno;
		text += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Open a conversation and write the prompt. Return: its descriptor, or -errno. */
static int ask(const char *prompt, const struct llamux_options *options, int flags)
{
	int fd = open_file(options && options->chat ? CHAT : PROMPT, O_RDWR | flags);
	int err = 0;

	if (fd < 0)
		return fd;
	if (options)
		err = set_options(fd, options);
	if (!err)
		err = write_all(fd, prompt, strlen(prompt));
	if (!err)
		return fd;
	close(fd);
	return err;
}

int llamux_stream(const char *prompt, const struct llamux_options *options,
		  llamux_piece_fn *take, void *data)
{
	int fd = ask(prompt, options, 0);
	char piece[PIECE];
	ssize_t n;
	int err = 0;

	if (fd < 0)
		return fd;
	while (!err) {
		n = read(fd, piece, sizeof(piece));
		if (!n)
			break;
		err = n < 0 ? -errno : take(piece, (size_t)n, data);
	}
	close(fd);
	return err;
}

/* String that grows. */
struct text {
	char *data;
	size_t n;
	size_t size;
};

static int append(const char *piece, size_t n, void *data)
{
	struct text *text = data;
	size_t size = text->size;
	char *grown;

	while (size - text->n <= n)
		size *= 2;
	if (size > text->size) {
		grown = realloc(text->data, size);
		if (!grown)
			return -ENOMEM;
		text->data = grown;
		text->size = size;
	}
	memcpy(text->data + text->n, piece, n);
	text->n += n;
	return 0;
}

int llamux_query(const char *prompt, const struct llamux_options *options, char **answer)
{
	struct text text = { .data = malloc(PIECE), .size = PIECE };
	int err = text.data ? llamux_stream(prompt, options, append, &text) : -ENOMEM;

	*answer = NULL;
	if (err) {
		free(text.data);
		return err;
	}
	text.data[text.n] = '\0';
	*answer = text.data;
	return 0;
}

int llamux_start(struct llamux **handle, const char *prompt,
		 const struct llamux_options *options)
{
	struct llamux *made = malloc(sizeof(*made));

	*handle = NULL;
	if (!made)
		return -ENOMEM;
	made->fd = ask(prompt, options, O_NONBLOCK);
	if (made->fd < 0) {
		int err = made->fd;

		free(made);
		return err;
	}
	*handle = made;
	return 0;
}

int llamux_fd(const struct llamux *handle)
{
	return handle->fd;
}

ssize_t llamux_take(struct llamux *handle, char *buffer, size_t size)
{
	ssize_t n = read(handle->fd, buffer, size);

	return n < 0 ? -errno : n;
}

int llamux_next(struct llamux *handle, const char *prompt)
{
	/* An empty write would keep the old answer. */
	return *prompt ? write_all(handle->fd, prompt, strlen(prompt)) : -ENODATA;
}

int llamux_reset(struct llamux *handle)
{
	return ioctl(handle->fd, LLAMUX_IOC_RESET) ? -errno : 0;
}

/* Return: the mean of @n values whose sum is in 65536ths. */
static double mean(int64_t sum, uint64_t n)
{
	return n ? (double)sum / (double)n / RATIO : 0;
}

int llamux_figures(const struct llamux *handle, struct llamux_figures *figures)
{
	struct llamux_ioc_figures f;

	if (ioctl(handle->fd, LLAMUX_IOC_FIGURES, &f))
		return -errno;
	*figures = (struct llamux_figures){
		.prompt_tokens = f.prompt_tokens,
		.reused_tokens = f.reused_tokens,
		.tokens = f.tokens,
		.drafted = f.drafted,
		.accepted = f.accepted,
		.ttft_us = f.ttft_us,
		.prefill_us = f.prefill_us,
		.decode_us = f.decode_us,
		.log_prob = mean(f.log_prob, f.sampled),
		.margin = mean(f.margin, f.sampled),
	};
	return 0;
}

void llamux_finish(struct llamux *handle)
{
	if (handle)
		close(handle->fd);
	free(handle);
}

/* Numbers among the lines of /proc/llamux/stats. */
static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
	{ "n_ctx", offsetof(struct llamux_stats, n_ctx) },
	{ "memory_bytes", offsetof(struct llamux_stats, memory_bytes) },
	{ "conversations", offsetof(struct llamux_stats, conversations) },
	{ "answers", offsetof(struct llamux_stats, answers) },
	{ "tokens_prompt", offsetof(struct llamux_stats, tokens_prompt) },
	{ "tokens_generated", offsetof(struct llamux_stats, tokens_generated) },
	{ "prefill_us", offsetof(struct llamux_stats, prefill_us) },
	{ "decode_us", offsetof(struct llamux_stats, decode_us) },
};

static void take_stat(char *line, void *data)
{
	struct llamux_stats *stats = data;
	char *key = strsep(&line, " ");
	uint64_t number;
	size_t i;

	if (!line)
		return;
	number = strtoull(line, NULL, 10);
	if (!strcmp(key, "model"))
		snprintf(stats->model, sizeof(stats->model), "%s", line);
	if (!strcmp(key, "isa"))
		snprintf(stats->isa, sizeof(stats->isa), "%s", line);
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if (!strcmp(key, numbers[i].key))
			memcpy((char *)stats + numbers[i].offset, &number, sizeof(number));
}

int llamux_stats(struct llamux_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	return read_lines(STATS, take_stat, stats);
}

/* Array of models, filled as far as it goes, and the number of all. */
struct list {
	struct llamux_model *models;
	size_t n;
	int found;
};

static void take_model(char *line, void *data)
{
	struct list *list = data;
	struct llamux_model *m;
	char *parts[7];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i] = strsep(&line, "\t");
	if (!parts[i - 1])
		return;
	if ((size_t)list->found < list->n) {
		m = &list->models[list->found];
		snprintf(m->name, sizeof(m->name), "%s", parts[0]);
		m->is_default = !strcmp(parts[1], "default");
		m->users = strtoull(parts[2], NULL, 10);
		m->bytes = strtoull(parts[3], NULL, 10);
		m->n_ctx = strtoull(parts[4], NULL, 10);
		snprintf(m->kind, sizeof(m->kind), "%s", parts[5]);
		snprintf(m->title, sizeof(m->title), "%s", parts[6]);
	}
	list->found++;
}

int llamux_models(struct llamux_model *models, size_t n)
{
	struct list list = { .models = models, .n = n };
	int err = read_lines(MODELS, take_model, &list);

	return err ? err : list.found;
}

int llamux_set_model(const char *name)
{
	char command[32 + LLAMUX_MODEL_BYTES];
	int fd, err;

	if (!*name || strlen(name) >= LLAMUX_MODEL_BYTES)
		return -ENOENT;
	fd = open_file(CONTROL, O_WRONLY);
	if (fd < 0)
		return fd == -EACCES ? -EPERM : fd;	/* the group lacks the right, too */
	snprintf(command, sizeof(command), "default %s", name);
	err = write_all(fd, command, strlen(command));
	close(fd);
	return err == -EINVAL ? -ENOENT : err;	/* the name has a blank */
}

const char *llamux_strerror(int err)
{
	switch (-err) {
	case ENODEV:
		return "the module is not loaded: insmod llamux.ko model=FILE.gguf, as root";
	case EACCES:
		return "not allowed: be root, or in the group that the module's `group` names";
	case EPERM:
		return "not allowed: this needs root (CAP_SYS_ADMIN)";
	case ENOENT:
		return "there is no such model: /proc/llamux/models lists what there is";
	case EBUSY:
		return "an answer is being read, or max_user_prompts are: read one to its end, or end it";
	case EUSERS:
		return "too many conversations are open: end one, or raise max_conversations";
	case ENOBUFS:
		return "your answers fill your quota of memory: end a conversation";
	case EMSGSIZE:
		return "the text is too long: shorten it, or load with more n_ctx or max_prompt";
	case EILSEQ:
		return "the text is not UTF-8";
	case ENODATA:
		return "there is no prompt: an empty text has no answer";
	case ENOMEM:
		return "too little memory: unload a model, or end a conversation";
	case EINVAL:
		return "an option has a wrong value: dmesg may say which, llamux.h has the ranges";
	case E2BIG:
		return "the module is older than this program and lacks an option: load a newer module";
	case ENOTTY:
		return "the module is of another version: use a library of the same";
	case EAGAIN:
		return "the answer is being made: poll() says when there is more";
	case EINTR:
		return "interrupted by a signal";
	default:
		return strerror(-err);
	}
}

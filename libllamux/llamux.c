// SPDX-License-Identifier: GPL-2.0
/* Client of /proc/llamux for C programs: llamux.h describes it. */
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

#define RATIO 65536	/* a ratio of 1, as the module has it */
#define PIECE 4096	/* bytes of an answer that are read at a time */
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static_assert(LLAMUX_N_STOPS == LLAMUX_STOPS, "number of stop texts");
static_assert(sizeof(((struct llamux_model *)0)->name) == LLAMUX_MODEL_BYTES, "size of a name");

struct llamux {
	int fd;
};

/* Return: a descriptor, or -errno; -ENODEV if the module is not loaded. */
static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	/* Callers of the library take ENOENT for a model that is not loaded. */
	return errno == ENOENT ? -ENODEV : -errno;
}

/*
 * Return: a ratio in 65536ths, rounded. A ratio that does not fit becomes UINT32_MAX, which is out
 * of the range of every option, so that the module refuses it and its log names the option.
 */
static uint32_t to_65536ths(double ratio)
{
	return ratio >= 0 && ratio < RATIO - 1 ? (uint32_t)(ratio * RATIO + 0.5) : UINT32_MAX;
}

/* Call a function for each line of a file, without its newline. Return: 0 or -errno. */
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

static int pack_template(int32_t *to, const char *name)
{
	static const char *const names[] = { "none", "chatml", "zephyr", "llama-2", "llama-3" };
	uint32_t i;

	*to = LLAMUX_TEMPLATE_AUTO;
	if (!name)
		return 0;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i])) {
			*to = (int32_t)i;
			return 0;
		}
	return -EINVAL;
}

static int pack_stops(struct llamux_ioc_options *to, const char *const *stops)
{
	uint32_t i;
	size_t n;

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

static int pack_texts(struct llamux_ioc_options *to, const struct llamux_options *from)
{
	size_t n;

	to->n_system = LLAMUX_OWN_SYSTEM;
	if (from->system) {
		n = strlen(from->system);
		if (n > LLAMUX_SYSTEM_BYTES)
			return -EINVAL;
		memcpy(to->system, from->system, n);
		to->n_system = (uint32_t)n;
	}
	if (from->model) {
		n = strlen(from->model);
		if (n >= LLAMUX_MODEL_BYTES)
			return -ENOENT;
		memcpy(to->model, from->model, n);
	}
	return pack_stops(to, from->stops);
}

/**
 * struct wanted - Search for a model in the list of models.
 * @name:  Name of the model.
 * @found: A line of the list has that name.
 */
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

/* The module gives EINVAL for a model that is not loaded, as for any wrong option. */
static bool is_unknown(const char *model)
{
	struct wanted wanted = { .name = model };

	return model && *model && !read_lines(MODELS, compare, &wanted) && !wanted.found;
}

static int set_options(int fd, const struct llamux_options *from)
{
	struct llamux_ioc_options to;
	int err;

	memset(&to, 0, sizeof(to));	/* the module refuses bytes that it does not know but 0 */
	to.temperature = to_65536ths(from->temperature);
	to.top_k = from->top_k;
	to.top_p = to_65536ths(from->top_p);
	to.min_p = to_65536ths(from->min_p);
	to.repeat_penalty = to_65536ths(from->repeat_penalty);
	to.max_tokens = from->max_tokens;
	to.seed = from->seed;
	to.speculate = from->speculate;
	err = pack_template(&to.chat_template, from->chat_template);
	if (!err)
		err = pack_texts(&to, from);
	if (!err && ioctl(fd, LLAMUX_IOC_SET_OPTIONS, &to))
		err = -errno;
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

/* Open a private conversation and write the prompt. Return: its descriptor, or -errno. */
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

/**
 * struct text - String that grows.
 * @data: (size,) bytes, of which the first @n are in use.
 * @n:    Number of bytes in use.
 * @size: Number of bytes allocated, a power of two.
 */
struct text {
	char *data;
	size_t n;
	size_t size;
};

/* Append a piece and leave room for a NUL. Return: 0 or -ENOMEM. */
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
	struct llamux *new = malloc(sizeof(*new));

	*handle = NULL;
	if (!new)
		return -ENOMEM;
	new->fd = ask(prompt, options, O_NONBLOCK);
	if (new->fd < 0) {
		int err = new->fd;

		free(new);
		return err;
	}
	*handle = new;
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
	/* A write of no bytes would leave the old prompt and answer in place. */
	return *prompt ? write_all(handle->fd, prompt, strlen(prompt)) : -ENODATA;
}

int llamux_reset(struct llamux *handle)
{
	return ioctl(handle->fd, LLAMUX_IOC_RESET) ? -errno : 0;
}

/* Return: the mean of @n numbers, from their sum in 65536ths; 0 if there are none. */
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

/* Numbers in /proc/llamux/stats and their places in struct llamux_stats. */
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

static void parse_stat(char *line, void *data)
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
	return read_lines(STATS, parse_stat, stats);
}

/**
 * struct list - Models that were read.
 * @models: (n,) the first @n of them.
 * @n:      Number of entries of @models.
 * @found:  Number of models that were read.
 */
struct list {
	struct llamux_model *models;
	size_t n;
	int found;
};

static void parse_model(char *line, void *data)
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
	int err = read_lines(MODELS, parse_model, &list);

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
		return fd == -EACCES ? -EPERM : fd;	/* no group helps: root alone may open it */
	snprintf(command, sizeof(command), "default %s", name);
	err = write_all(fd, command, strlen(command));
	close(fd);
	return err == -EINVAL ? -ENOENT : err;	/* a name with a blank is a bad command */
}

const char *llamux_strerror(int err)
{
	switch (-err) {
	case ENODEV:
		return "the module is not loaded: run insmod llamux.ko model=FILE.gguf as root";
	case EACCES:
		return "not allowed: become root, or join the group of the module's parameter group";
	case EPERM:
		return "not allowed: this needs root (CAP_SYS_ADMIN)";
	case ENOENT:
		return "no loaded model has that name: see /proc/llamux/models";
	case EBUSY:
		return "busy: read an answer to its end, or close its conversation (max_user_prompts)";
	case EUSERS:
		return "too many conversations are open: close one, or raise max_conversations";
	case ENOBUFS:
		return "your answers use all memory of your quota: close a conversation";
	case EMSGSIZE:
		return "the text is too long: shorten it, or raise n_ctx or max_prompt";
	case EILSEQ:
		return "the text is not UTF-8: convert it";
	case ENODATA:
		return "the prompt is empty: write a text";
	case ENOMEM:
		return "not enough memory: unload a model, or close a conversation";
	case EINVAL:
		return "an option is out of its range: see llamux.h, or the kernel's log (dmesg)";
	case ENOTTY:
		return "the module has another version: use the library of that version";
	case EAGAIN:
		return "the next bytes are not ready: wait with poll()";
	case EINTR:
		return "a signal interrupted the call: call again";
	default:
		return strerror(-err);
	}
}

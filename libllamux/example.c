// SPDX-License-Identifier: GPL-2.0
/* Every way to ask, from a shell: each argument of `poll` is asked at the same time. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llamux.h"

#define MAX_ASKED 16
#define MAX_MODELS 16
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct llamux_options short_answers = { .top_p = 1, .repeat_penalty = 1,
						     .max_tokens = 24, .speculate = 7 };

static int show(const char *text, size_t n, void *data)
{
	fwrite(text, 1, n, data);
	return fflush(data) ? -EIO : 0;
}

static int query(int n, char **words)
{
	char *answer;
	int err = llamux_query(n ? words[0] : "", &short_answers, &answer);

	if (!err)
		fputs(answer, stdout);
	free(answer);
	return err;
}

static int stream(int n, char **words)
{
	return llamux_stream(n ? words[0] : "", &short_answers, show, stdout);
}

/* Print an answer as it comes. Return: 0 or -errno. */
static int print(struct llamux *handle)
{
	struct pollfd ready = { .fd = llamux_fd(handle), .events = POLLIN };
	char text[256];
	ssize_t n;

	do {
		if (poll(&ready, 1, -1) < 0)
			return -errno;
		n = llamux_take(handle, text, sizeof(text));
		if (n > 0)
			fwrite(text, 1, (size_t)n, stdout);
	} while (n > 0 || n == -EAGAIN);
	return (int)n;
}

static void print_figures(const struct llamux_figures *f)
{
	printf("[%llu of %llu tokens were known, %llu of %llu guesses were right; "
	       "log-probability %.6f, margin %.6f]\n",
	       (unsigned long long)f->reused_tokens, (unsigned long long)f->prompt_tokens,
	       (unsigned long long)f->accepted, (unsigned long long)f->drafted,
	       f->log_prob, f->margin);
}

/* One dialogue, of which each word is a turn; "/reset" begins another one. */
static int chat(int n, char **words)
{
	struct llamux_options options = short_answers;
	struct llamux_figures figures;
	struct llamux *handle;
	int i, err;

	options.chat = true;
	err = llamux_start(&handle, n ? words[0] : "", &options);
	if (err)
		return err;
	err = print(handle);
	for (i = 1; i < n && !err; i++) {
		if (!strcmp(words[i], "/reset")) {
			err = llamux_reset(handle);
			continue;
		}
		err = llamux_next(handle, words[i]);
		if (!err)
			err = print(handle);
	}
	if (!err)
		err = llamux_figures(handle, &figures);
	if (!err)
		print_figures(&figures);
	llamux_finish(handle);
	return err;
}

/* An answer in the making. */
struct asked {
	struct llamux *handle;
	char text[4096];
	size_t n;
};

/* Take what is there. Return: 1 while there is more to come, 0, or -errno. */
static int take(struct asked *a)
{
	ssize_t n = llamux_take(a->handle, a->text + a->n, sizeof(a->text) - a->n);

	if (n > 0)
		a->n += (size_t)n;
	return n > 0 || n == -EAGAIN ? 1 : (int)n;
}

/* All of them until each is at its end. */
static int take_all(int n, struct asked *asked)
{
	struct pollfd ready[MAX_ASKED];
	int i, more, left = n;

	for (i = 0; i < n; i++)
		ready[i] = (struct pollfd){ .fd = llamux_fd(asked[i].handle), .events = POLLIN };
	while (left) {
		if (poll(ready, (nfds_t)n, -1) < 0)
			return -errno;
		for (i = 0; i < n; i++) {
			more = ready[i].revents ? take(&asked[i]) : 1;
			if (more < 0)
				return more;
			if (!more) {
				ready[i].fd = -1;	/* which poll() leaves out */
				left--;
			}
		}
	}
	return 0;
}

static int poll_all(int n, char **words)
{
	static struct asked asked[MAX_ASKED];
	int i, err = n > MAX_ASKED ? -E2BIG : 0;

	for (i = 0; i < n && !err; i++)
		err = llamux_start(&asked[i].handle, words[i], &short_answers);
	if (!err)
		err = take_all(n, asked);
	for (i = 0; i < n && i < MAX_ASKED; i++) {
		if (!err)
			fwrite(asked[i].text, 1, asked[i].n, stdout);
		llamux_finish(asked[i].handle);
	}
	return err;
}

static int stats(int n, char **words)
{
	struct llamux_stats s;
	int err = llamux_stats(&s);

	(void)n;
	(void)words;
	if (!err)
		printf("%s with %s: %llu tokens of context, %llu answers, %llu tokens made\n",
		       s.model, s.isa, (unsigned long long)s.n_ctx, (unsigned long long)s.answers,
		       (unsigned long long)s.tokens_generated);
	return err;
}

static int models(int n, char **words)
{
	struct llamux_model found[MAX_MODELS];
	int i, there = llamux_models(found, MAX_MODELS);

	(void)n;
	(void)words;
	for (i = 0; i < there && i < MAX_MODELS; i++)
		printf("%s%s: %s in %s, %llu bytes, %llu tokens of context, %llu users\n",
		       found[i].name, found[i].is_default ? " (default)" : "", found[i].title,
		       found[i].kind, (unsigned long long)found[i].bytes,
		       (unsigned long long)found[i].n_ctx, (unsigned long long)found[i].users);
	return there < 0 ? there : 0;
}

static int use(int n, char **words)
{
	return llamux_set_model(n ? words[0] : "");
}

static const struct {
	const char *name;
	int (*run)(int n, char **words);
} verbs[] = {
	{ "query", query }, { "stream", stream }, { "chat", chat },
	{ "poll", poll_all }, { "stats", stats }, { "models", models }, { "use", use },
};

int main(int argc, char **argv)
{
	size_t i;
	int err;

	for (i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(argv[1], verbs[i].name))
			continue;
		err = verbs[i].run(argc - 2, argv + 2);
		if (err)
			fprintf(stderr, "%s\n", llamux_strerror(err));
		return err ? 1 : 0;
	}
	fprintf(stderr, "example query|stream|chat|poll|stats|models|use [TEXT...]\n");
	return 2;
}

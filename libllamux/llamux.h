/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: libllamux
 *
 * Ask the model in the kernel from a C program:
 *
 *	char *answer;
 *	int err = llamux_query("What is a kernel module?", NULL, &answer);
 *
 *	if (err)
 *		fprintf(stderr, "%s\n", llamux_strerror(err));
 *
 * Functions that can fail return a negative errno, which llamux_strerror()
 * explains. Answers are UTF-8. The library keeps nothing between calls: threads
 * may use it at once, each handle one at a time.
 */
#ifndef LIBLLAMUX_H
#define LIBLLAMUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LLAMUX_N_STOPS 4

/**
 * struct llamux_options - How an answer shall be made; another value is -EINVAL.
 * @temperature: 0 (greedy) to 16.
 * @top_p: Above 0, at most 1, which keeps all.
 * @min_p: 0, which keeps all, to 1.
 * @repeat_penalty: 0.5 to 16; 1 is off.
 * @top_k: 0 keeps all.
 * @max_tokens: Of the answer, at least 1.
 * @speculate: Tokens to guess ahead at the most, 0 to 7; the answer is the same.
 * @seed: Of the sampler.
 * @stops: Texts of 1 to 64 bytes that end an answer, up to the first NULL.
 * @chat_template: "none", "chatml", "zephyr", "llama-2", "llama-3", or NULL for the model's own.
 * @system: System prompt of up to 4096 bytes, or NULL for the model's own.
 * @model: A name of llamux_models(), another one is -ENOENT; or NULL for the default.
 * @chat: Whether the handle's earlier prompts and answers are remembered.
 */
struct llamux_options {
	double temperature;
	double top_p;
	double min_p;
	double repeat_penalty;
	uint32_t top_k;
	uint32_t max_tokens;
	uint32_t speculate;
	uint64_t seed;
	const char *stops[LLAMUX_N_STOPS];
	const char *chat_template;
	const char *system;
	const char *model;
	bool chat;
};

/* Defaults of the module. */
#define LLAMUX_OPTIONS_DEFAULT \
	{ .top_p = 1, .repeat_penalty = 1, .max_tokens = 256, .speculate = 7 }

/**
 * struct llamux_figures - Of a handle's latest answer, so far.
 * @prompt_tokens: With all earlier turns.
 * @reused_tokens: Of them, not evaluated again.
 * @tokens: Of the answer.
 * @drafted: Guessed ahead.
 * @accepted: Of those, right.
 * @ttft_us: Microseconds from the first read to the first byte.
 * @prefill_us: For the prompt.
 * @decode_us: For the answer.
 * @log_prob: Mean log-probability of the answer's tokens: near 0 where the model was sure.
 * @margin: Mean distance of their logits from the best other token's.
 */
struct llamux_figures {
	uint64_t prompt_tokens;
	uint64_t reused_tokens;
	uint64_t tokens;
	uint64_t drafted;
	uint64_t accepted;
	uint64_t ttft_us;
	uint64_t prefill_us;
	uint64_t decode_us;
	double log_prob;
	double margin;
};

/**
 * struct llamux_stats - What /proc/llamux/stats says of the module.
 * @model: Title of the default model.
 * @isa: The code path that computes.
 * @n_ctx: Tokens of a conversation.
 * @memory_bytes: Of models and conversations.
 * @conversations: Open now.
 * @answers: Completed since the module was loaded, as are all below.
 * @tokens_prompt: Evaluated.
 * @tokens_generated: Made.
 * @prefill_us: Microseconds for the former.
 * @decode_us: For the latter.
 */
struct llamux_stats {
	char model[64];
	char isa[16];
	uint64_t n_ctx;
	uint64_t memory_bytes;
	uint64_t conversations;
	uint64_t answers;
	uint64_t tokens_prompt;
	uint64_t tokens_generated;
	uint64_t prefill_us;
	uint64_t decode_us;
};

/**
 * struct llamux_model - A model being served.
 * @name: What it is called by.
 * @title: What it calls itself.
 * @kind: The type that most of its weights have.
 * @is_default: Whether it answers who names none.
 * @users: Conversations and evaluations.
 * @n_ctx: Tokens of a conversation.
 * @bytes: Of memory.
 */
struct llamux_model {
	char name[64];
	char title[64];
	char kind[16];
	bool is_default;
	uint64_t users;
	uint64_t n_ctx;
	uint64_t bytes;
};

/* A private conversation. */
struct llamux;

/**
 * llamux_query() - The whole answer to a prompt.
 * @prompt: UTF-8, not empty.
 * @options: Or NULL for those of the terminal session (/proc/llamux/options).
 * @answer: Set to a string for free(), or to NULL where this fails.
 *
 * Return: 0 or -errno; -EINTR where a signal's handler does not restart calls.
 */
int llamux_query(const char *prompt, const struct llamux_options *options, char **answer);

/**
 * typedef llamux_piece_fn - Takes @n bytes of an answer, whole characters, not NUL-terminated.
 * @text: (n,) the piece.
 * @n:    Bytes, at least 1.
 * @data: As given to llamux_stream().
 *
 * Return: 0, or anything else to end the answer here.
 */
typedef int llamux_piece_fn(const char *text, size_t n, void *data);

/**
 * llamux_stream() - The answer to a prompt, in pieces, as they are made.
 * @prompt: As in llamux_query().
 * @options: Likewise.
 * @take: Called for each piece.
 * @data: For @take.
 *
 * Return: 0, -errno, or what @take returned.
 */
int llamux_stream(const char *prompt, const struct llamux_options *options,
		  llamux_piece_fn *take, void *data);

/**
 * llamux_start() - Ask without waiting for the answer.
 * @handle: Set to a handle for llamux_finish(), or to NULL where this fails.
 * @prompt: As in llamux_query().
 * @options: Likewise.
 *
 * Return: 0 or -errno.
 */
int llamux_start(struct llamux **handle, const char *prompt,
		 const struct llamux_options *options);

/**
 * llamux_fd() - What to poll().
 * @handle: From llamux_start().
 *
 * POLLIN says that llamux_take() has something to say. Polling is what makes the answer.
 *
 * Return: a descriptor that stays the handle's: not to be closed.
 */
int llamux_fd(const struct llamux *handle);

/**
 * llamux_take() - Bytes of the answer that are there; never waits for more.
 * @handle: From llamux_start().
 * @buffer: (size,) out.
 * @size:   Bytes, at least 1.
 *
 * Return: bytes, which may end within a character; 0 at the answer's end; -EAGAIN where the
 * next ones are being made; -errno.
 */
ssize_t llamux_take(struct llamux *handle, char *buffer, size_t size);

/**
 * llamux_next() - Ask again, once an answer is at its end; a turn of a dialogue with @chat.
 * @handle: Its answer taken to the end.
 * @prompt: As in llamux_query().
 * Return: 0 or -errno; -EBUSY before the end.
 */
int llamux_next(struct llamux *handle, const char *prompt);

/**
 * llamux_reset() - Forget what was said, before an answer's end too; llamux_next() asks anew.
 * @handle: From llamux_start().
 *
 * Return: 0 or -errno.
 */
int llamux_reset(struct llamux *handle);

/** llamux_figures() - Of the latest answer, so far. Return: 0 or -errno. */
int llamux_figures(const struct llamux *handle, struct llamux_figures *figures);

/** llamux_finish() - End the conversation, at its end or before; NULL is none. */
void llamux_finish(struct llamux *handle);

/** llamux_stats() - How the module fares. Return: 0 or -errno. */
int llamux_stats(struct llamux_stats *stats);

/**
 * llamux_models() - The models being served.
 * @models: (@n,) Filled in as far as they go.
 * @n: How many there is room for; may be 0.
 *
 * Return: how many there are, which may be more than @n, or -errno.
 */
int llamux_models(struct llamux_model *models, size_t n);

/** llamux_set_model() - Make a model the default; for root (-EPERM). Return: 0 or -errno. */
int llamux_set_model(const char *name);

/** llamux_strerror() - What went wrong and what to do about it; never NULL, never freed. */
const char *llamux_strerror(int err);

#ifdef __cplusplus
}
#endif

#endif

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
 * Compile with `-lllamux`. A function that fails returns a negative errno;
 * llamux_strerror() explains it. Prompts and answers are UTF-8. The library has no global
 * state: threads may use it at the same time, but each handle only one thread at a time.
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
 * struct llamux_options - Options of an answer. A value out of its range is -EINVAL.
 * @temperature: 0 (greedy) to 16.
 * @top_p: Probability of the tokens to choose from: above 0, at most 1, which keeps all.
 * @min_p: Least probability, relative to the most probable token: 0, which keeps all, to 1.
 * @repeat_penalty: Penalty on recent tokens: 0.5 to 16; 1 is off.
 * @top_k: Number of tokens to choose from; 0 for all.
 * @max_tokens: Most tokens of the answer, at least 1.
 * @speculate: Most tokens to guess ahead, 0 to 7. The answer is the same.
 * @seed: Seed of the random numbers.
 * @stops: Texts that end the answer, up to the first NULL; 1 to 64 bytes each.
 * @chat_template: "none", "chatml", "zephyr", "llama-2", "llama-3", or NULL for the model's own.
 * @system: System prompt of up to 4096 bytes, or NULL for the model's own.
 * @model: Name from llamux_models(), or NULL for the default model. -ENOENT if no model has it.
 * @chat: Remember the earlier prompts and answers of the handle.
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
 * struct llamux_figures - Measurements of a handle's latest answer, as far as it is made.
 * @prompt_tokens: Number of tokens of the prompt, with all earlier turns of a dialogue.
 * @reused_tokens: Number of those that were in the cache already.
 * @tokens: Number of tokens of the answer.
 * @drafted: Number of tokens that were guessed ahead.
 * @accepted: Number of guesses that were right.
 * @ttft_us: Microseconds from the first read to the first byte.
 * @prefill_us: Microseconds of computing for the prompt.
 * @decode_us: Microseconds of computing for the answer.
 * @log_prob: Mean natural log-probability of the answer's tokens; near 0 if the model was sure.
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
 * struct llamux_stats - Numbers from /proc/llamux/stats.
 * @model: Title of the default model.
 * @isa: Name of the instruction set that computes.
 * @n_ctx: Number of tokens that a conversation has room for.
 * @memory_bytes: Bytes that models and conversations use.
 * @conversations: Number of conversations now.
 * @answers: Number of complete answers since the module was loaded.
 * @tokens_prompt: Number of tokens of prompts evaluated since then.
 * @tokens_generated: Number of tokens of answers made since then.
 * @prefill_us: Microseconds of computing for the prompts.
 * @decode_us: Microseconds of computing for the answers.
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
 * struct llamux_model - Loaded model.
 * @name: Name for struct llamux_options and llamux_set_model().
 * @title: Title from the model's file.
 * @kind: Type of most of its weights.
 * @is_default: The model answers callers that name none.
 * @users: Number of conversations and evaluations that use it.
 * @n_ctx: Number of tokens that a conversation has room for.
 * @bytes: Bytes of memory that it uses.
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

/* Handle: a private conversation. */
struct llamux;

/**
 * llamux_query() - Get the whole answer to a prompt.
 * @prompt: UTF-8, not empty.
 * @options: NULL for the options of the terminal session (/proc/llamux/options).
 * @answer: Set to a string that the caller frees with free(); to NULL on failure.
 *
 * Return: 0 or -errno; -EINTR if a signal's handler does not restart system calls.
 */
int llamux_query(const char *prompt, const struct llamux_options *options, char **answer);

/**
 * typedef llamux_piece_fn - Function that llamux_stream() calls for each piece of an answer.
 * @text: (n,) bytes: whole characters, not NUL-terminated.
 * @n:    Number of bytes, at least 1.
 * @data: From the caller of llamux_stream().
 *
 * Return: 0 to go on; any other value ends the answer.
 */
typedef int llamux_piece_fn(const char *text, size_t n, void *data);

/**
 * llamux_stream() - Get the answer to a prompt in pieces, as they are made.
 * @prompt: UTF-8, not empty.
 * @options: NULL for the options of the terminal session.
 * @take: Called for each piece.
 * @data: Passed to @take.
 *
 * Return: 0, -errno, or the value other than 0 that @take returned.
 */
int llamux_stream(const char *prompt, const struct llamux_options *options,
		  llamux_piece_fn *take, void *data);

/**
 * llamux_start() - Ask, and return before the answer is made.
 * @handle: Set to a handle that the caller ends with llamux_finish(); to NULL on failure.
 * @prompt: UTF-8, not empty.
 * @options: NULL for the options of the terminal session.
 *
 * Return: 0 or -errno.
 */
int llamux_start(struct llamux **handle, const char *prompt,
		 const struct llamux_options *options);

/**
 * llamux_fd() - Get the file descriptor for poll().
 * @handle: From llamux_start().
 *
 * POLLIN says that llamux_take() returns something other than -EAGAIN. Polling has the kernel
 * make the answer.
 *
 * Return: a descriptor, which llamux_finish() closes.
 */
int llamux_fd(const struct llamux *handle);

/**
 * llamux_take() - Get bytes of the answer that are made already.
 * @handle: From llamux_start().
 * @buffer: (size,) bytes.
 * @size:   At least 1.
 *
 * Return: number of bytes, which may end within a character; 0 at the answer's end; -EAGAIN if
 * more bytes are being made; or -errno.
 */
ssize_t llamux_take(struct llamux *handle, char *buffer, size_t size);

/**
 * llamux_next() - Ask again; the next turn of a dialogue if the options have @chat.
 * @handle: Its answer has been taken to the end.
 * @prompt: UTF-8, not empty.
 *
 * Return: 0 or -errno; -EBUSY before the end of the answer.
 */
int llamux_next(struct llamux *handle, const char *prompt);

/**
 * llamux_reset() - Forget all prompts and answers, also before the end of an answer.
 * @handle: From llamux_start(). llamux_next() asks the next prompt.
 *
 * Return: 0 or -errno.
 */
int llamux_reset(struct llamux *handle);

/**
 * llamux_figures() - Get the measurements of the latest answer, as far as it is made.
 * @handle: From llamux_start().
 * @figures: Overwritten.
 *
 * Return: 0 or -errno.
 */
int llamux_figures(const struct llamux *handle, struct llamux_figures *figures);

/** llamux_finish() - End a conversation and free its handle, at any time. NULL is fine. */
void llamux_finish(struct llamux *handle);

/** llamux_stats() - Get numbers about the module. Return: 0 or -errno. */
int llamux_stats(struct llamux_stats *stats);

/**
 * llamux_models() - List the loaded models.
 * @models: (n,) filled from the beginning.
 * @n: Number of models that @models has room for; may be 0.
 *
 * Return: number of loaded models, which may be more than @n; or -errno.
 */
int llamux_models(struct llamux_model *models, size_t n);

/** llamux_set_model() - Make a model the default. Return: 0; -EPERM without root; -errno. */
int llamux_set_model(const char *name);

/** llamux_strerror() - Explain an error and what to do. Return: a string that nobody frees. */
const char *llamux_strerror(int err);

#ifdef __cplusplus
}
#endif

#endif

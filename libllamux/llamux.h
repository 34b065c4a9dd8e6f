/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: libllamux
 *
 * Static library that asks the model in the kernel from a C program:
 *
 *	char *answer;
 *	int err = llamux_query("What is a kernel module?", NULL, &answer);
 *
 *	if (err)
 *		fprintf(stderr, "%s\n", llamux_strerror(err));
 *	else
 *		fputs(answer, stdout);
 *	free(answer);
 *
 * Three ways to ask:
 *
 *   - llamux_query() waits for the whole answer.
 *   - llamux_stream() passes each piece of the answer to a function.
 *   - llamux_start() returns a handle. The program calls poll() on its descriptor and takes
 *     what is ready, from many handles at once if it likes. A handle can hold a dialogue.
 *
 * Errors: a function that can fail returns a negative errno, which llamux_strerror() explains.
 * Texts: prompts and answers are UTF-8. A file offers no character before it is complete, but
 * llamux_take() may cut one if its buffer is full.
 * Threads: the library has no global state. Threads may call it at the same time, each with
 * handles of its own.
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
 * struct llamux_options - Options of an answer; a value out of its range is -EINVAL.
 * @temperature: 0 (greedy) to 16.
 * @top_p: Probability of the tokens to choose from: above 0, at most 1, which keeps all.
 * @min_p: Least probability, relative to the most probable token: 0, which keeps all, to 1.
 * @repeat_penalty: Penalty on recent tokens: 0.5 to 16; 1 is off.
 * @top_k: Number of most probable tokens to choose from; 0 keeps all.
 * @max_tokens: Maximum number of tokens of the answer, at least 1.
 * @speculate: Maximum number of draft tokens per pass, 0 (off) to 7. The answer is the same.
 * @seed: Seed of the sampler.
 * @stops: Texts of 1 to 64 bytes that end the answer. The first NULL ends the list.
 * @chat_template: "none", "chatml", "zephyr", "llama-2" or "llama-3"; NULL for the model's own.
 * @system: System prompt of at most 4096 bytes; NULL for the model's own.
 * @model: Name of a model, as llamux_models() returns it; NULL for the default model. A name
 *   that no loaded model has is -ENOENT.
 * @chat: Keep earlier prompts and answers of the handle as turns of a dialogue.
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

/* Defaults of the module, as an initializer. */
#define LLAMUX_OPTIONS_DEFAULT \
	{ .top_p = 1, .repeat_penalty = 1, .max_tokens = 256, .speculate = 7 }

/**
 * struct llamux_figures - Measurements of the latest answer, as far as it is made.
 * @prompt_tokens: Number of tokens of the prompt, with all earlier turns of a dialogue.
 * @reused_tokens: Number of prompt tokens that were in the cache already.
 * @tokens: Number of tokens of the answer.
 * @drafted: Number of draft tokens.
 * @accepted: Number of draft tokens that were accepted.
 * @ttft_us: Microseconds from the first read to the first byte.
 * @prefill_us: Microseconds of computing for the prompt.
 * @decode_us: Microseconds of computing for the answer.
 * @log_prob: Mean natural log-probability of the answer's tokens. A mean near 0 tells that the
 *   model was sure.
 * @margin: Mean difference between the logit of the chosen token and that of the best other one.
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
 * struct llamux_stats - Figures of the module, from /proc/llamux/stats.
 * @model: Title of the default model.
 * @isa: Name of the code path that computes.
 * @n_ctx: Maximum number of tokens of a conversation.
 * @memory_bytes: Bytes of memory of all models and conversations.
 * @conversations: Number of conversations that exist now.
 * @answers: Number of complete answers since the module was loaded.
 * @tokens_prompt: Number of prompt tokens evaluated since then.
 * @tokens_generated: Number of answer tokens computed since then.
 * @prefill_us: Microseconds of computing for prompts since then.
 * @decode_us: Microseconds of computing for answers since then.
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
 * struct llamux_model - Description of a loaded model.
 * @name: Name for the option @model and for llamux_set_model().
 * @title: Title in the model's file.
 * @kind: Type of most of its weights.
 * @is_default: Requests that name no model use this one.
 * @users: Number of conversations and evaluations that use it.
 * @n_ctx: Maximum number of tokens of a conversation.
 * @bytes: Bytes of memory that it takes.
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

/* Handle of a private conversation. */
struct llamux;

/**
 * llamux_query() - Ask a prompt and wait for the whole answer.
 * @prompt: Text in UTF-8, not empty.
 * @options: Options; NULL for those of the terminal session (/proc/llamux/options).
 * @answer: Set to the answer, which the caller frees with free(); set to NULL on failure.
 *
 * Return: 0 or -errno; -EINTR on a signal whose handler does not restart calls.
 */
int llamux_query(const char *prompt, const struct llamux_options *options, char **answer);

/**
 * typedef llamux_piece_fn - Function that takes a piece of an answer.
 * @text: (n,) whole characters, without a NUL at the end.
 * @n:    Number of bytes, at least 1.
 * @data: Pointer that was given to llamux_stream().
 *
 * Return: 0 to go on; anything else ends the answer here.
 */
typedef int llamux_piece_fn(const char *text, size_t n, void *data);

/**
 * llamux_stream() - Ask a prompt and pass each piece of the answer to a function.
 * @prompt: Text in UTF-8, not empty.
 * @options: Options; NULL for those of the terminal session.
 * @take: Function that is called for each piece as soon as it is made.
 * @data: Pointer that is passed to @take.
 *
 * Return: 0, -errno, or the value other than 0 that @take returned.
 */
int llamux_stream(const char *prompt, const struct llamux_options *options,
		  llamux_piece_fn *take, void *data);

/**
 * llamux_start() - Ask a prompt without waiting for the answer.
 * @handle: Set to a handle, which the caller ends with llamux_finish(); set to NULL on failure.
 * @prompt: Text in UTF-8, not empty.
 * @options: Options; NULL for those of the terminal session.
 *
 * Return: 0 or -errno.
 */
int llamux_start(struct llamux **handle, const char *prompt,
		 const struct llamux_options *options);

/**
 * llamux_fd() - Return the descriptor to poll().
 * @handle: Handle from llamux_start().
 *
 * Wait for POLLIN, then call llamux_take(). The module computes the answer only after poll() or
 * llamux_take() has been called.
 *
 * Return: a descriptor that belongs to the handle. The caller does not close it.
 */
int llamux_fd(const struct llamux *handle);

/**
 * llamux_take() - Take bytes of the answer that are ready. Never waits.
 * @handle: Handle from llamux_start().
 * @buffer: (size,) filled with bytes of the answer.
 * @size:   Number of bytes of @buffer, at least 1.
 *
 * Return: the number of bytes, of which the last may be part of a character; 0 at the answer's
 * end; -EAGAIN if the next bytes are not ready; or another -errno.
 */
ssize_t llamux_take(struct llamux *handle, char *buffer, size_t size);

/**
 * llamux_next() - Ask the next prompt, after the end of an answer.
 * @handle: Handle whose answer has been taken to its end. With the option @chat the prompt is
 *   the next turn of its dialogue.
 * @prompt: Text in UTF-8, not empty.
 *
 * Return: 0 or -errno; -EBUSY before the end of the answer.
 */
int llamux_next(struct llamux *handle, const char *prompt);

/**
 * llamux_reset() - Drop the prompt, the answer and all turns; llamux_next() begins anew.
 * @handle: Handle from llamux_start(). Its answer may be incomplete.
 *
 * Return: 0 or -errno.
 */
int llamux_reset(struct llamux *handle);

/**
 * llamux_figures() - Measure the latest answer, as far as it is made. Never waits.
 * @handle: Handle from llamux_start().
 * @figures: Filled in on success.
 *
 * Return: 0 or -errno.
 */
int llamux_figures(const struct llamux *handle, struct llamux_figures *figures);

/**
 * llamux_finish() - End a conversation and free its handle.
 * @handle: Handle from llamux_start(), whose answer may be incomplete; or NULL.
 */
void llamux_finish(struct llamux *handle);

/**
 * llamux_stats() - Read the figures of the module.
 * @stats: Filled in on success. A figure that the module does not know is 0 or "".
 *
 * Return: 0 or -errno.
 */
int llamux_stats(struct llamux_stats *stats);

/**
 * llamux_models() - List the loaded models.
 * @models: (n,) filled with as many models as fit.
 * @n: Number of entries of @models; may be 0.
 *
 * Return: the number of loaded models, which may exceed @n, or -errno.
 */
int llamux_models(struct llamux_model *models, size_t n);

/**
 * llamux_set_model() - Make a loaded model the default. Needs root.
 * @name: Name of the model, as llamux_models() returns it.
 *
 * Return: 0 or -errno; -EPERM if the caller is not root; -ENOENT if no loaded model has that
 * name.
 */
int llamux_set_model(const char *name);

/**
 * llamux_strerror() - Explain an error: what failed, and what to do.
 * @err: Negative errno that a function above returned.
 *
 * Return: a static string of one line, never NULL.
 */
const char *llamux_strerror(int err);

#ifdef __cplusplus
}
#endif

#endif

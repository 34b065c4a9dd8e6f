/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Ioctls of an open /proc/llamux/prompt or /proc/llamux/chat.
 *
 * Structures are the same for 32-bit and 64-bit programs. Ratios are in 65536ths.
 *
 * Later versions may add fields at the end of a structure. A command's number holds the size of
 * the structure that the program was compiled with, so that programs and modules of different
 * versions understand each other:
 *
 *   - The module reads a shorter structure as if zeros followed, and gives as much as fits in it.
 *     A field that is added keeps its default if it is 0.
 *   - The module reads a longer structure if all bytes that it does not know are 0, and returns
 *     E2BIG otherwise. It fills a longer structure up with zeros.
 *   - A structure shorter than that of the first version is EINVAL.
 */
#ifndef _UAPI_LLAMUX_H
#define _UAPI_LLAMUX_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define LLAMUX_MODEL_BYTES 64
#define LLAMUX_SYSTEM_BYTES 4096
#define LLAMUX_STOPS 4
#define LLAMUX_STOP_BYTES 64

#define LLAMUX_TEMPLATE_AUTO (-1)
#define LLAMUX_OWN_SYSTEM 0xffffffffu	/* the model's own system prompt */

#define LLAMUX_OPTIONS_SIZE_VER0 4472	/* bytes, up to and including @system */
#define LLAMUX_FIGURES_SIZE_VER0 88

/**
 * struct llamux_ioc_options - Options of an open file's next answers.
 * @temperature: 0 (greedy) to 16.
 * @top_k: Number of tokens to choose from; 0 for all.
 * @top_p: Probability of the tokens to choose from: above 0, at most 1, which keeps all.
 * @min_p: Least probability, relative to the most probable token: 0, which keeps all, to 1.
 * @repeat_penalty: Penalty on recent tokens: 0.5 to 16; 1 is off.
 * @max_tokens: Most tokens of an answer, at least 1.
 * @seed: Seed of the random numbers.
 * @speculate: Most tokens to guess ahead, 0 to 7. The answer is the same.
 * @chat_template: LLAMUX_TEMPLATE_AUTO, 0 none, 1 chatml, 2 zephyr, 3 llama-2, 4 llama-3.
 * @n_stops: Number of texts that end an answer, up to LLAMUX_STOPS.
 * @n_system: Bytes of @system, or LLAMUX_OWN_SYSTEM.
 * @stop_bytes: Bytes of each of @stops, 1 to LLAMUX_STOP_BYTES.
 * @reserved: Must be 0.
 * @stops: UTF-8.
 * @model: Name of the model, NUL-terminated; empty for the default model.
 * @system: System prompt, UTF-8.
 * @room: Must be all 0: room for later options, such as a grammar and an adapter.
 */
struct llamux_ioc_options {
	__u32 temperature;
	__u32 top_k;
	__u32 top_p;
	__u32 min_p;
	__u32 repeat_penalty;
	__u32 max_tokens;
	__u64 seed;
	__u32 speculate;
	__s32 chat_template;
	__u32 n_stops;
	__u32 n_system;
	__u8 stop_bytes[LLAMUX_STOPS];
	__u32 reserved;
	char stops[LLAMUX_STOPS][LLAMUX_STOP_BYTES];
	char model[LLAMUX_MODEL_BYTES];
	char system[LLAMUX_SYSTEM_BYTES];
	__u64 room[16];
};

/**
 * struct llamux_ioc_figures - Measurements of the latest answer, as far as it is made.
 * @prompt_tokens: Number of tokens of the prompt, with all earlier turns of a dialogue.
 * @reused_tokens: Number of those that were in the cache already.
 * @tokens: Number of tokens of the answer.
 * @drafted: Number of tokens that were guessed ahead.
 * @accepted: Number of guesses that were right.
 * @ttft_us: Microseconds from the first read to the first byte.
 * @prefill_us: Microseconds of computing for the prompt.
 * @decode_us: Microseconds of computing for the answer.
 * @sampled: Number of tokens that @log_prob and @margin are sums over.
 * @log_prob: Sum of the tokens' natural log-probabilities, in 65536ths.
 * @margin: Sum of the tokens' logits less those of the best other token, in 65536ths.
 */
struct llamux_ioc_figures {
	__u64 prompt_tokens;
	__u64 reused_tokens;
	__u64 tokens;
	__u64 drafted;
	__u64 accepted;
	__u64 ttft_us;
	__u64 prefill_us;
	__u64 decode_us;
	__u64 sampled;
	__s64 log_prob;
	__s64 margin;
};

#define LLAMUX_IOC_GET_OPTIONS _IOR(0xBE, 1, struct llamux_ioc_options)
#define LLAMUX_IOC_SET_OPTIONS _IOW(0xBE, 2, struct llamux_ioc_options)
#define LLAMUX_IOC_FIGURES _IOR(0xBE, 3, struct llamux_ioc_figures)
/* Drop the prompt, the answer and all turns of a dialogue. */
#define LLAMUX_IOC_RESET _IO(0xBE, 4)

#endif

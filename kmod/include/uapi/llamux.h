/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What programs ask of an open /proc/llamux/prompt or /proc/llamux/chat. Structures are
 * the same for 32-bit and 64-bit programs; ratios are in 65536ths.
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

/**
 * struct llamux_ioc_options - How answers of this open file shall be made.
 * @temperature: 0 (greedy) to 16.
 * @top_k: 0 keeps all.
 * @top_p: Above 0, at most 1.
 * @min_p: 0 to 1.
 * @repeat_penalty: 0.5 to 16; 1 is off.
 * @max_tokens: At least 1.
 * @seed: Of the sampler.
 * @speculate: 0 to 7.
 * @chat_template: LLAMUX_TEMPLATE_AUTO, 0 none, 1 chatml, 2 zephyr, 3 llama-2, 4 llama-3.
 * @n_stops: Texts that end an answer, up to LLAMUX_STOPS.
 * @n_system: Bytes of @system, or LLAMUX_OWN_SYSTEM.
 * @stop_bytes: Of each of @stops, 1 to LLAMUX_STOP_BYTES.
 * @reserved: 0.
 * @stops: UTF-8.
 * @model: Its name, NUL-terminated; empty for the default.
 * @system: UTF-8.
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
};

/**
 * struct llamux_ioc_figures - Of this conversation's latest answer, so far.
 * @prompt_tokens: With all earlier turns.
 * @reused_tokens: Of them, not evaluated again.
 * @tokens: Of the answer.
 * @drafted: Guessed ahead.
 * @accepted: Of those, right.
 * @ttft_us: Microseconds from the first read to the first byte.
 * @prefill_us: For the prompt.
 * @decode_us: For the answer.
 * @sampled: Tokens that the next two are sums over.
 * @log_prob: Log-probabilities, natural, in 65536ths.
 * @margin: Logits less the best other token's, in 65536ths.
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
/* Drop prompt, answer and a dialogue's turns. */
#define LLAMUX_IOC_RESET _IO(0xBE, 4)

#endif

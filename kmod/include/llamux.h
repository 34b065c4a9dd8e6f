/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: What other modules can ask of llamux.ko
 *
 * Everything is computed in the caller's process context: its priority, its cgroups and
 * its signals. Conversations belong to the calling task's user and count within the
 * limits of /proc/llamux. A module that calls these functions keeps llamux.ko loaded.
 */
#ifndef LLAMUX_H
#define LLAMUX_H

#include <linux/types.h>

/**
 * struct llamux_request - A prompt, how to answer it, and the handle to cancel that by.
 * @prompt: UTF-8. One newline at its end is no part of it.
 * @model:  Its name as in /proc/llamux/models; NULL for the default.
 * @system: System prompt, UTF-8; NULL for the model's own.
 * @raw:    Go on with the prompt as it is, without a chat template.
 * @max_tokens: Of the answer, at least 1.
 * @temperature: In 65536ths: 0 (greedy) to 16.
 * @top_k:  0 keeps all.
 * @top_p:  In 65536ths: above 0, at most 1.
 * @min_p:  In 65536ths: 0 to 1.
 * @repeat_penalty: In 65536ths: 0.5 to 16; 1 is off.
 * @seed:   Of the sampler.
 * @timeout_ms: From the call on; 0 for no deadline.
 * @answer: (size,) where the answer goes, with a NUL behind it.
 * @size:   Bytes at @answer; 0 for none.
 * @n:      Bytes of the answer that are there, the NUL not counted: whole characters.
 * @stream: Called with each piece of the answer, whole characters, as it comes; may be NULL.
 *   May sleep. Where it returns anything but 0, the request is cancelled.
 *
 * The caller's, from llamux_request_init() to the return of the last call that uses it.
 */
struct llamux_request {
	const char *prompt;
	const char *model;
	const char *system;
	bool raw;
	u32 max_tokens;
	u32 temperature;
	u32 top_k;
	u32 top_p;
	u32 min_p;
	u32 repeat_penalty;
	u64 seed;
	u32 timeout_ms;
	char *answer;
	size_t size;
	size_t n;
	int (*stream)(struct llamux_request *r, const char *text, size_t n);
	/* private: */
	bool cancelled;
};

/**
 * llamux_request_init() - Ask for a greedy answer of up to 256 tokens by the default model.
 * @r:      Overwritten, and not in use.
 * @prompt: Stays the caller's, and has to be there until the last call that uses @r.
 */
static inline void llamux_request_init(struct llamux_request *r, const char *prompt)
{
	*r = (struct llamux_request){
		.prompt = prompt,
		.max_tokens = 256,
		.top_p = 1 << 16,
		.repeat_penalty = 1 << 16,
	};
}

/**
 * llamux_ask() - Answer a prompt.
 * @r: Set up by llamux_request_init(); its @answer and @n are written.
 *
 * The answer is that of /proc/llamux/prompt, byte by byte.
 *
 * Context: Process context. Sleeps.
 * Return: 0 where the answer is complete. With what there is of it so far:
 *
 * * -ETIME at the deadline
 * * -ECANCELED by llamux_cancel() or @stream
 * * -EINTR on a signal
 * * -ENOSPC where it is longer than @size
 *
 * Without any of it:
 *
 * * -ENOENT for a model that is not loaded
 * * -EMSGSIZE for a prompt past max_prompt or the context, or a system prompt past 4095 bytes
 * * -EILSEQ for what is not UTF-8
 * * -ENODATA for an empty prompt
 * * -EINVAL for options out of their ranges, which a line in the log names
 * * -EUSERS where there is no room for one more conversation
 * * -EBUSY where the user has too many prompts being answered
 * * -ENOBUFS past the user's tokens in caches
 * * -ENOMEM
 */
int llamux_ask(struct llamux_request *r);

/**
 * struct llamux_candidate - A possible answer.
 * @text:     UTF-8. Follows the prompt byte by byte.
 * @tokens:   Of it, the answer's end included where it counts; 0 where it was not scored.
 * @log_prob: Sum of their log-probabilities, natural, in 65536ths.
 */
struct llamux_candidate {
	const char *text;
	u32 tokens;
	s64 log_prob;
};

/**
 * llamux_score() - How likely the model finds each of some answers to a prompt.
 * @r:          Of its options those of the sampler play no part.
 * @candidates: (n,) in turn.
 * @n:          How many.
 * @end:        Count the answer's end behind each text, too: nothing may follow.
 *
 * The prompt is evaluated once.
 *
 * Context: Process context. Sleeps.
 * Return: 0; -EMSGSIZE for a candidate past max_prompt or the context; or as llamux_ask(). A
 * failure leaves the candidates scored that came before.
 */
int llamux_score(struct llamux_request *r, struct llamux_candidate *candidates, u32 n, bool end);

/**
 * llamux_cancel() - Have the call that uses @r return -ECANCELED soon, or the next one at once.
 * @r: Set up; another task may be using it.
 *
 * Context: Any.
 */
void llamux_cancel(struct llamux_request *r);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Functions of llamux.ko for other modules
 *
 * A module asks a model and gets an answer, or has answers scored, with one function call.
 *
 * Everything is computed in the context of the calling task, with its priority, cgroups and
 * signals. The conversation belongs to the task's user and counts against its quotas, as those
 * of /proc/llamux do. A module that calls these functions keeps llamux.ko loaded.
 */
#ifndef LLAMUX_H
#define LLAMUX_H

#include <linux/types.h>

/**
 * struct llamux_request - A prompt, the options of its answer, and the answer.
 * @prompt: UTF-8. One newline at its end is not part of it.
 * @model:  Key as in /proc/llamux/models; NULL for the default.
 * @system: System prompt, UTF-8; NULL for the model's own.
 * @raw:    Continue the prompt as it is, without a chat template.
 * @max_tokens: Tokens of the answer at the most, at least 1.
 * @temperature: In 65536ths: 0 (greedy) to 16.
 * @top_k:  Number of likeliest tokens to choose from; 0 for all.
 * @top_p:  In 65536ths: above 0, at most 1.
 * @min_p:  In 65536ths: 0 to 1.
 * @repeat_penalty: In 65536ths: 0.5 to 16; 1 is off.
 * @seed:   Seed of the sampler.
 * @timeout_ms: Milliseconds from the call to its deadline; 0 for none.
 * @answer: (size,) buffer for the answer and a NUL behind it.
 * @size:   Bytes at @answer; 0 for no buffer.
 * @n:      Bytes of the answer at @answer, whole characters, without the NUL.
 * @stream: Function called with each piece of the answer, whole characters; may be NULL. It may
 *   sleep. If it returns anything but 0, the request is cancelled.
 *
 * The caller owns the request. It must stay valid from llamux_request_init() until the last call
 * that uses it returns.
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
 * llamux_request_init() - Set up a request for a greedy answer of the default model.
 * @r:      Request that is not in use. It is overwritten. The answer has 256 tokens at the most.
 * @prompt: Text that stays valid until the last call that uses @r.
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
 * @r: Request set up by llamux_request_init(); its @answer and @n are written.
 *
 * The answer has the same bytes as that of /proc/llamux/prompt.
 *
 * Context: Process context. Sleeps.
 * Return: 0 if the answer is complete. With the part of the answer so far:
 *
 * * -ETIME at the deadline
 * * -ECANCELED by llamux_cancel() or @stream
 * * -EINTR on a signal
 * * -ENOSPC if the answer is longer than @size
 *
 * Without a part of the answer:
 *
 * * -ENOENT if no loaded model has that key
 * * -EMSGSIZE for a prompt past max_prompt or the context, or a system prompt past 4095 bytes
 * * -EILSEQ if a text is not UTF-8
 * * -ENODATA for an empty prompt
 * * -EINVAL for an option out of its range, with a line in the log that names it
 * * -EUSERS if there is no room for one more conversation
 * * -EBUSY if the user has too many prompts being answered
 * * -ENOBUFS past the user's quota of tokens in caches
 * * -ENOMEM
 */
int llamux_ask(struct llamux_request *r);

/**
 * struct llamux_candidate - A possible answer.
 * @text:     UTF-8, which follows the prompt byte by byte.
 * @tokens:   Number of scored tokens, with the answer's end if that is scored; 0 for none.
 * @log_prob: Sum of their natural log-probabilities, in 65536ths.
 */
struct llamux_candidate {
	const char *text;
	u32 tokens;
	s64 log_prob;
};

/**
 * llamux_score() - Compute how likely the model finds each of several answers to a prompt.
 * @r:          Request; the sampler's options are not used.
 * @candidates: (n,) answers.
 * @n:          Number of @candidates.
 * @end:        Score the answer's end behind each text, too: that nothing follows.
 *
 * The prompt is evaluated once.
 *
 * Context: Process context. Sleeps.
 * Return: 0; -EMSGSIZE for a candidate past max_prompt or the context; or as llamux_ask(). After
 * a failure, the candidates before it have their scores.
 */
int llamux_score(struct llamux_request *r, struct llamux_candidate *candidates, u32 n, bool end);

/**
 * llamux_cancel() - Cancel a request: the call that uses it, or the next one, fails soon.
 * @r: Request that is set up; another task may be using it. The call returns -ECANCELED.
 *
 * Context: Any.
 */
void llamux_cancel(struct llamux_request *r);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Functions of llamux.ko for other modules
 *
 * A module asks a model and gets an answer, or has answers scored, with one function call.
 *
 * The calling task computes the answer, with its own priority, cgroups and signals. The
 * conversation belongs to the task's user and counts against the user's quotas, like a
 * conversation of /proc/llamux. A module that calls these functions keeps llamux.ko loaded.
 */
#ifndef LLAMUX_H
#define LLAMUX_H

#include <linux/types.h>

/**
 * struct llamux_request - Prompt, options of the answer, and the answer.
 * @prompt: Text in UTF-8, not empty. One newline at its end is not part of it.
 * @model:  Name of a model, as in /proc/llamux/models; NULL for the default.
 * @system: System prompt, UTF-8; NULL for the model's own.
 * @raw:    Continue the prompt as it is, without a chat template.
 * @max_tokens: Maximum number of tokens of the answer, at least 1.
 * @temperature: 0 (greedy) to 16, in 65536ths.
 * @top_k:  Number of most probable tokens to choose from; 0 for all.
 * @top_p:  Probability of the tokens to choose from: above 0, at most 1, in 65536ths.
 * @min_p:  Least probability, relative to the most probable token: 0 to 1, in 65536ths.
 * @repeat_penalty: Penalty on recent tokens: 0.5 to 16, in 65536ths; 1 is off.
 * @seed:   Seed of the sampler.
 * @timeout_ms: Milliseconds from the call to its deadline; 0 for none.
 * @answer: (size,) buffer for the answer and a NUL after it.
 * @size:   Number of bytes of the buffer; 0 for no buffer.
 * @n:      Number of bytes of the answer at @answer, without the NUL; whole characters.
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
 * @r:      Request that is not in use. It is overwritten. The answer has at most 256 tokens.
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
 * @r: Request set up by llamux_request_init(). The function writes its @answer and @n.
 *
 * The answer has the same bytes as an answer of /proc/llamux/prompt.
 *
 * Context: Process context. Sleeps.
 * Return: 0 if the answer is complete. These errors leave the part that was made in @answer:
 *
 * * -ETIME at the deadline
 * * -ECANCELED if llamux_cancel() or @stream cancelled the request
 * * -EINTR on a signal
 * * -ENOSPC if the answer is longer than @size
 *
 * These errors leave @answer empty:
 *
 * * -ENOENT if no loaded model has that name
 * * -EMSGSIZE if the prompt exceeds max_prompt or the context, or @system exceeds 4095 bytes
 * * -EILSEQ if a text is not UTF-8
 * * -ENODATA for an empty prompt
 * * -EINVAL for an option out of its range, which a line in the log names
 * * -EUSERS if too many conversations are open
 * * -EBUSY if too many prompts of the user are being answered
 * * -ENOBUFS if the user's quota of tokens in caches is used up
 * * -ENOMEM if memory is short
 */
int llamux_ask(struct llamux_request *r);

/**
 * struct llamux_candidate - Possible answer to score.
 * @text:     Text in UTF-8 that follows the prompt directly.
 * @tokens:   Number of scored tokens, including the answer's end if it is scored.
 * @log_prob: Sum of the natural log-probabilities of these tokens, in 65536ths.
 */
struct llamux_candidate {
	const char *text;
	u32 tokens;
	s64 log_prob;
};

/**
 * llamux_score() - Compute the probability of each of several answers to a prompt.
 * @r:          Request set up by llamux_request_init(). The sampler's options are not used.
 * @candidates: (n,) answers.
 * @n:          Number of @candidates.
 * @end:        Score the end of the answer after each text, too.
 *
 * The prompt is evaluated once.
 *
 * Context: Process context. Sleeps.
 * Return: 0; -EMSGSIZE if a candidate exceeds max_prompt or the context; or an error of
 * llamux_ask(). After a failure, the candidates before the failed one have their scores; the
 * others have 0.
 */
int llamux_score(struct llamux_request *r, struct llamux_candidate *candidates, u32 n, bool end);

/**
 * llamux_cancel() - Cancel a request.
 * @r: Request set up by llamux_request_init(). Another task may be using it.
 *
 * The call that uses the request returns -ECANCELED soon; if there is none, the next one does.
 *
 * Context: Any.
 */
void llamux_cancel(struct llamux_request *r);

#endif

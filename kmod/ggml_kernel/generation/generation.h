/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: From a prompt to an answer
 *
 * Ties the tokenizer, the chat template, the forward pass, the sampler and
 * UTF-8 together, a step at a time, so that the kernel and userspace give
 * the same bytes. The caller owns the memory and decides when to step.
 */
#ifndef LLAMA_GENERATION_H
#define LLAMA_GENERATION_H

#include "generation/confidence.h"
#include "model/llama.h"
#include "generation/sampler.h"
#include "text/stop.h"
#include "text/utf8.h"

#define LLAMA_TEMPLATE_AUTO (-1)
#define LLAMA_MAX_TURNS 256
#define LLAMA_MAX_DRAFT 7	/* tokens: with the one before them a batch of eight */

/**
 * struct llama_options - What a caller may choose about an answer.
 * @sampler:    How to pick tokens.
 * @max_tokens: Of the answer; 0 for as many as the context has room for.
 * @chat:       enum llama_chat_template, or LLAMA_TEMPLATE_AUTO for the file's.
 * @system:     System prompt; NULL data for the file's own.
 * @speculate:  Most tokens to draft by prompt look-up, up to LLAMA_MAX_DRAFT; 0 for none.
 *   The answer is the same whatever it is.
 * @stops:      Texts that end the answer; they are no part of it.
 */
struct llama_options {
	struct llama_sampler_params sampler;
	u32 max_tokens;
	int chat;
	struct gguf_str system;
	u32 speculate;
	struct llama_stops stops;
};

/** LLAMA_OPTIONS_DEFAULT - Greedy, 256 tokens, everything else as the file says. */
#define LLAMA_OPTIONS_DEFAULT ((struct llama_options){ \
	.sampler = { .top_p = 1 << 16, .repeat_penalty = 1 << 16 }, \
	.max_tokens = 256, \
	.chat = LLAMA_TEMPLATE_AUTO, \
	.speculate = LLAMA_MAX_DRAFT, \
})

/**
 * llama_options_check() - Options as an answer uses them.
 * @sampler: Set up by them.
 * @stop:    Likewise.
 * @o:       As the caller chose them.
 * @diag:    Names what is wrong where this fails.
 *
 * Return: 0, or -EINVAL with @diag naming the option.
 */
int llama_options_check(struct llama_sampler *sampler, struct llama_stop_filter *stop,
			const struct llama_options *o, struct llama_diag *diag);

/**
 * struct llama_draft - Speculation by prompt look-up.
 * @most: Tokens to guess at the most; 0 for none.
 * @next: Tokens to guess the next time.
 * @wait: Tokens to generate before that.
 * @misses: Guesses in a row that failed from the first token on.
 */
struct llama_draft {
	u32 most;
	u32 next;
	u32 wait;
	u32 misses;
};

/**
 * struct llama_turn - What somebody said, and where the answer to it begins.
 * @answer: Its index in the tokens.
 * @text:   Index of the user's words in the caller's texts.
 * @len:    Their bytes.
 */
struct llama_turn {
	u32 answer;
	u32 len;
	size_t text;
};

/**
 * struct llama_generation - One answer in the making.
 * @m:        Model.
 * @scratch:  Of a pass.
 * @sampler:  Picks tokens.
 * @utf8:     Bytes of a character that is not yet whole.
 * @tokens:   (n_ctx,) prompt and answer.
 * @n_tokens: Known tokens.
 * @n_prompt: How many of them the prompt has.
 * @n_past:   Positions in the KV cache: those of the tokens before.
 * @n_reused: How many of the prompt's were there already.
 * @n_draft:  Tokens behind @n_tokens that are guessed, and checked in the next step.
 * @n_drafted: Guesses so far.
 * @n_accepted: Those that came true.
 * @draft:    Where guesses come from and whether they pay.
 * @n_end:    n_tokens at which the answer is over for length.
 * @done:     The answer is complete.
 * @line:     The answer shall end in a newline: whenever a chat template is used.
 * @last:     Its last byte so far.
 * @confidence: Of the answer's tokens, its end included.
 * @stop:     What is held back of it.
 * @logits:   (LLAMA_MAX_DRAFT + 1, n_vocab) of the latest pass.
 * @sample_scratch: llama_sampler_scratch() bytes.
 * @piece_size: Of the longest token's text.
 * @n_turns:  Turns that the tokens hold, the one being answered included; 0 for a prompt alone.
 * @turns:    (LLAMA_MAX_TURNS,)
 * @piece:    (piece_size,) bytes of the latest token.
 * @staged:   Those of them that are whole characters.
 */
struct llama_generation {
	const struct llama_model *m;
	struct llama_scratch scratch;
	struct llama_sampler sampler;
	struct llama_confidence confidence;
	struct llama_stop_filter stop;
	struct utf8_stream utf8;
	u32 *tokens;
	u32 n_tokens;
	u32 n_prompt;
	u32 n_past;
	u32 n_reused;
	u32 n_draft;
	u32 n_drafted;
	u32 n_accepted;
	struct llama_draft draft;
	u32 n_end;
	bool done;
	bool line;
	char last;
	q16 *logits;
	void *sample_scratch;
	char *piece;
	size_t piece_size;
	char *staged;
	u32 n_turns;
	struct llama_turn *turns;
};

/** llama_generation_size() - Arena bytes that llama_generation_init() wants. */
size_t llama_generation_size(const struct llama_model *m, u32 n_ctx, u32 n_batch,
			     u32 n_workers);

/**
 * llama_generation_init() - Lay out the memory.
 * @g:         Filled.
 * @m:         Model, which must outlive it.
 * @n_ctx:     Positions: 1 to m->n_ctx_train.
 * @n_batch:   Tokens of the prompt in a step: 1 to LLAMA_MAX_BATCH.
 * @n_workers: Members of a team at the most.
 * @arena:     llama_generation_size() bytes, needed as long as @g lives.
 * Return: 0, -EINVAL for a bad @n_ctx or @n_batch, -ENOMEM for a small arena.
 */
int llama_generation_init(struct llama_generation *g, const struct llama_model *m, u32 n_ctx,
			  u32 n_batch, u32 n_workers, struct llama_arena *arena);

/**
 * llama_generation_head() - Tokens that every prompt with the file's own template and
 * system prompt begins with.
 * @m:     Model.
 * @ids:   (max) out.
 * @max:   Room at @ids.
 * @tmp:   Twice llama_head_scratch() bytes, aligned to 64.
 * @yield: Called between pieces of bounded work; may be NULL.
 *
 * Return: how many, 0 where there are none or more than @max.
 */
long llama_generation_head(const struct llama_model *m, u32 *ids, u32 max, void *tmp,
			   const struct llama_yield *yield);

/** llama_head_scratch() - Half of what llama_generation_head() wants at @tmp. */
size_t llama_head_scratch(const struct llama_model *m);

/**
 * llama_generation_adopt() - Say that the KV cache holds @ids at positions [0, @n).
 * @g:   Without a prompt so far.
 * @ids: (n,) below n_vocab.
 * @n:   At most n_ctx.
 *
 * The next prompt evaluates only what follows their common beginning.
 */
void llama_generation_adopt(struct llama_generation *g, const u32 *ids, u32 n);

/** llama_prompt_scratch() - Bytes that llama_generation_prompt() wants at @tmp. */
size_t llama_prompt_scratch(const struct llama_model *m, const struct llama_options *o,
			    struct gguf_str text);

/**
 * llama_generation_prompt() - Begin an answer to @text.
 * @g:   What it answered before is over.
 * @o:   Options; checked here.
 * @text: The user's words: plain text.
 * @tmp: llama_prompt_scratch() bytes, aligned to 64; free again afterwards.
 * @yield: Called between pieces of bounded work; may be NULL.
 * @diag: Names what is wrong where this fails.
 *
 * Positions in the KV cache stay as far as their tokens are the new prompt's.
 *
 * Return: 0; -EINVAL with @diag naming the option; -EMSGSIZE where the prompt
 * leaves no room for an answer in the context; or the hook's value.
 */
int llama_generation_prompt(struct llama_generation *g, const struct llama_options *o,
			    struct gguf_str text, void *tmp, const struct llama_yield *yield,
			    struct llama_diag *diag);

/** llama_turn_scratch() - Bytes that llama_generation_turn() wants at @tmp. */
size_t llama_turn_scratch(const struct llama_generation *g, const struct llama_options *o,
			  const char *texts, size_t n_texts);

/**
 * llama_generation_turn() - Go on with what is said at the end of @texts.
 * @g:     Its earlier turns, where there are any, are answered.
 * @o:     Its template and system prompt are those of the first turn.
 * @texts: (n_texts) what the user said in all turns so far, this one at the end.
 * @n_texts: Bytes at @texts.
 * @at:    Index of this turn's text.
 * @tmp:   llama_turn_scratch() bytes, aligned to 64; free again afterwards.
 * @yield: Called between pieces of bounded work; may be NULL.
 * @diag:  Names what is wrong where this fails.
 *
 * What was said before stays as it is, evaluated; where the context has no room
 * for it, the oldest turns are dropped, and the newest are evaluated again behind
 * the system prompt.
 *
 * Return: as llama_generation_prompt(). A failure leaves all turns as they were.
 */
int llama_generation_turn(struct llama_generation *g, const struct llama_options *o,
			  const char *texts, size_t n_texts, size_t at, void *tmp,
			  const struct llama_yield *yield, struct llama_diag *diag);

/** llama_generation_positions() - Positions that the KV cache must have room for in the next step. */
u32 llama_generation_positions(const struct llama_generation *g);

/** llama_generation_out() - Bytes that a step may write at @out. */
size_t llama_generation_out(const struct llama_model *m);

/**
 * llama_generation_step() - One batch of the prompt, or one or more tokens of the answer.
 * @g:   With a prompt, and not done.
 * @kv:  With room for llama_generation_positions().
 * @out: llama_generation_out() bytes.
 * @yield: Called between pieces of bounded work; may be NULL.
 *
 * Where the hook stops it, nothing has changed and the step can be made again.
 *
 * Return: bytes written at @out, valid UTF-8, perhaps 0; or the hook's value.
 */
long llama_generation_step(struct llama_generation *g, struct llama_kv *kv, char *out,
			   const struct llama_yield *yield);

#endif

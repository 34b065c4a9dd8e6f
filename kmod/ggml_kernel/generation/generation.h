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
#include "generation/prompt.h"
#include "model/llama.h"
#include "text/utf8.h"

#define LLAMA_MAX_TURNS 256

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
 * llama_generation_adopt() - Say that the KV cache holds @ids at positions [0, @n).
 * @g:   Without a prompt so far.
 * @ids: (n,) below n_vocab.
 * @n:   At most n_ctx.
 *
 * The next prompt evaluates only what follows their common beginning.
 */
void llama_generation_adopt(struct llama_generation *g, const u32 *ids, u32 n);

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

/**
 * llama_generation_begin() - Begin the answer to the tokens at @g->tokens.
 * @g:      Generation with a sampler set up.
 * @o:      Options.
 * @n:      Number of tokens.
 * @n_past: Number of positions in the KV cache that are theirs.
 */
void llama_generation_begin(struct llama_generation *g, const struct llama_options *o, u32 n,
			    u32 n_past);

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

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Generation of answers
 *
 * A generation combines the tokenizer, the chat template, the forward pass, the
 * sampler and UTF-8, one step at a time. The caller owns the memory and decides
 * when to make a step.
 */
#ifndef LLAMA_GENERATION_H
#define LLAMA_GENERATION_H

#include "generation/confidence.h"
#include "generation/prompt.h"
#include "model/llama.h"
#include "text/utf8.h"

#define LLAMA_MAX_TURNS 256

/**
 * struct llama_turn - A turn of a dialogue.
 * @answer: Index of the answer's first token.
 * @text:   Index of the user's text in the caller's texts.
 * @len:    Bytes of the user's text.
 */
struct llama_turn {
	u32 answer;
	u32 len;
	size_t text;
};

/**
 * struct llama_generation - An answer that is being generated.
 * @m:        Model.
 * @scratch:  Scratch memory of a pass.
 * @sampler:  Sampler.
 * @utf8:     Bytes of an incomplete character.
 * @tokens:   (n_ctx,) prompt and answer.
 * @n_tokens: Number of known tokens.
 * @n_prompt: Number of tokens of the prompt.
 * @n_past:   Number of positions in the KV cache, those of the first tokens.
 * @n_reused: Number of the prompt's positions that were in the cache before.
 * @n_draft:  Number of draft tokens behind @n_tokens, which the next step checks.
 * @n_drafted: Number of draft tokens so far.
 * @n_accepted: Number of draft tokens that were accepted.
 * @draft:    State of speculation.
 * @n_end:    Value of @n_tokens at which the answer has its largest length.
 * @done:     The answer is complete.
 * @line:     The answer has to end with a newline, as it does with a chat template.
 * @last:     Last byte of the answer so far.
 * @confidence: Confidence of the answer's tokens, its end included.
 * @stop:     Filter of stop texts.
 * @logits:   (LLAMA_MAX_DRAFT + 1, n_vocab) logits of the latest pass.
 * @sample_scratch: llama_sampler_scratch() bytes.
 * @piece_size: Bytes of the longest token's text.
 * @n_turns:  Number of turns that the tokens hold, the current one included; 0 for a prompt
 *   that is not part of a dialogue.
 * @turns:    (LLAMA_MAX_TURNS,) turns.
 * @piece:    (piece_size,) bytes of the latest token.
 * @staged:   Whole characters that the latest token completed.
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

/** llama_generation_size() - Return the arena bytes that llama_generation_init() needs. */
size_t llama_generation_size(const struct llama_model *m, u32 n_ctx, u32 n_batch,
			     u32 n_workers);

/**
 * llama_generation_init() - Initialise a generation without a prompt.
 * @g:         Filled.
 * @m:         Model, which must outlive it.
 * @n_ctx:     Positions: 1 to m->n_ctx_train.
 * @n_batch:   Tokens of the prompt in a step: 1 to LLAMA_MAX_BATCH.
 * @n_workers: Largest number of members of a team.
 * @arena:     llama_generation_size() bytes, needed as long as @g lives.
 *
 * Return: 0, -EINVAL for a bad @n_ctx or @n_batch, -ENOMEM for a small arena.
 */
int llama_generation_init(struct llama_generation *g, const struct llama_model *m, u32 n_ctx,
			  u32 n_batch, u32 n_workers, struct llama_arena *arena);

/**
 * llama_generation_adopt() - Declare that the KV cache holds @ids at positions [0, @n).
 * @g:   Generation without a prompt so far.
 * @ids: (n,) below n_vocab.
 * @n:   At most n_ctx.
 *
 * The next prompt is evaluated from the end of their common beginning on.
 */
void llama_generation_adopt(struct llama_generation *g, const u32 *ids, u32 n);

/**
 * llama_generation_prompt() - Begin an answer to @text.
 * @g:   Generation; an earlier answer ends.
 * @o:   Options; checked here.
 * @text: Plain text of the user.
 * @tmp: llama_prompt_scratch() bytes, aligned to 64; free again afterwards.
 * @yield: Called between pieces of bounded work; may be NULL.
 * @diag: Names the cause on failure.
 *
 * The positions of the common beginning of old and new tokens stay in the KV cache.
 *
 * Return: 0; -EINVAL for a bad option; -EMSGSIZE if the prompt leaves no room for an
 * answer in the context; or the hook's value.
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

/** llama_generation_positions() - Return the KV cache positions that the next step needs. */
u32 llama_generation_positions(const struct llama_generation *g);

/** llama_generation_out() - Return the bytes that a step may write to @out. */
size_t llama_generation_out(const struct llama_model *m);

/**
 * llama_generation_step() - Evaluate a batch of the prompt, or generate one or more tokens.
 * @g:   Generation with a prompt, and not done.
 * @kv:  KV cache with llama_generation_positions() positions.
 * @out: llama_generation_out() bytes.
 * @yield: Called between pieces of bounded work; may be NULL.
 *
 * If the hook stops the step, nothing has changed, and the step can be repeated.
 *
 * Return: bytes written at @out, valid UTF-8, perhaps 0; or the hook's value.
 */
long llama_generation_step(struct llama_generation *g, struct llama_kv *kv, char *out,
			   const struct llama_yield *yield);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Dialogues
 *
 * A dialogue is a generation that keeps its tokens and KV cache from turn to turn.
 */
#ifndef LLAMA_DIALOGUE_H
#define LLAMA_DIALOGUE_H

#include "generation/generation.h"

/** llama_turn_scratch() - Return the bytes that llama_generation_turn() needs at @tmp. */
size_t llama_turn_scratch(const struct llama_generation *g, const struct llama_options *o,
			  const char *texts, size_t n_texts);

/**
 * llama_generation_turn() - Begin the answer to another turn of a dialogue.
 * @g:     Generation; its earlier turns are answered.
 * @o:     Options, with the template and system prompt of the first turn.
 * @texts: (n_texts,) the user's texts of all turns, this one last.
 * @n_texts: Number of bytes at @texts.
 * @at:    Index of this turn's text in @texts.
 * @tmp:   llama_turn_scratch() bytes, aligned to 64; free again afterwards.
 * @yield: Called between pieces of bounded work; may be NULL.
 * @diag:  Names the cause on failure.
 *
 * Earlier turns stay in the KV cache. If the context has no room for them, the oldest
 * turns are dropped, and the others are evaluated again behind the system prompt.
 *
 * Return: see llama_generation_prompt(). A failure changes no turn.
 */
int llama_generation_turn(struct llama_generation *g, const struct llama_options *o,
			  const char *texts, size_t n_texts, size_t at, void *tmp,
			  const struct llama_yield *yield, struct llama_diag *diag);

#endif

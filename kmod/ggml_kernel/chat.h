/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Chat templates
 *
 * A model file carries its template as jinja2 source. The core does not
 * interpret it: it recognises the five families below by the literals that
 * the source contains, and writes the same text that jinja2 would.
 */
#ifndef LLAMA_CHAT_H
#define LLAMA_CHAT_H

#include "vocab.h"

enum llama_chat_template {
	LLAMA_CHAT_NONE,	/* the text as it is */
	LLAMA_CHAT_CHATML,
	LLAMA_CHAT_ZEPHYR,	/* TinyLlama too */
	LLAMA_CHAT_LLAMA2,
	LLAMA_CHAT_LLAMA3,
};

/** llama_chat_name() - "none", "chatml", "zephyr", "llama-2", "llama-3". */
const char *llama_chat_name(enum llama_chat_template t);

/** llama_chat_by_name() - Return: the template, or -EINVAL. */
int llama_chat_by_name(const char *name);

/**
 * llama_chat_detect() - The family of the file's tokenizer.chat_template.
 * @default_system: Set to the system prompt that the file's own template
 *   puts in where the caller has none (SmolLM2's does), or to an empty string.
 *
 * Return: the family; LLAMA_CHAT_NONE where the file has no template or one
 * that is not known.
 */
enum llama_chat_template llama_chat_detect(const struct gguf *g,
					   struct gguf_str *default_system);

/**
 * struct llama_chat_turn - The first turn of a conversation.
 * @system: System prompt; NULL data for none.
 * @user:   What the user says; always plain text.
 */
struct llama_chat_turn {
	struct gguf_str system;
	struct gguf_str user;
};

/**
 * llama_chat_bounds() - As llama_tokenize_bounds(), for a whole turn.
 */
void llama_chat_bounds(const struct llama_vocab *v, enum llama_chat_template t,
		       const struct llama_chat_turn *turn, size_t *max_tokens,
		       size_t *scratch);

/**
 * llama_chat_tokenize() - Token ids of a turn with the head of the answer.
 * @first: The conversation begins here: BOS and the system prompt included.
 *   Otherwise what ends the previous answer and begins the next user turn.
 *
 * The template's own control tokens become ids; the caller's texts never do.
 * Return: as llama_tokenize().
 */
long llama_chat_tokenize(const struct llama_vocab *v, enum llama_chat_template t,
			 const struct llama_chat_turn *turn, bool first,
			 u32 *ids, size_t max_ids, void *scratch,
			 const struct llama_yield *yield);

#endif

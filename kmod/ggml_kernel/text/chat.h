/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Chat templates
 *
 * A model file carries its template as jinja2 source. The core does not
 * interpret it: it recognises the four families below by literals in the source, and
 * writes the same text that jinja2 would. The ids are those of the whole text with its
 * control tokens. In SPM vocabularies a space precedes the text and each stretch behind
 * a control token, as in other implementations.
 *
 * - chatml: "<|im_start|>" and "<|im_end|>".
 * - llama-3: "<|start_header_id|>" and "<|eot_id|>". Contents are trimmed. The
 *   dates that later templates of the family add are not written.
 * - zephyr: "<|user|>", "<|assistant|>" and "eos_token".
 * - llama-2: "[INST]" and "<<SYS>>". Contents are trimmed. A template without the latter
 *   (Mistral) is unknown.
 *
 * A dialogue begins with one BOS if the template writes it (llama-2, llama-3) or the
 * vocabulary asks for it (add_bos), never with two. A marker, for example "<|user|>", is a
 * control token if the vocabulary has it as one, otherwise plain text.
 */
#ifndef LLAMA_CHAT_H
#define LLAMA_CHAT_H

#include "text/vocab.h"

enum llama_chat_template {
	LLAMA_CHAT_NONE,	/* the text as it is */
	LLAMA_CHAT_CHATML,
	LLAMA_CHAT_ZEPHYR,	/* TinyLlama too */
	LLAMA_CHAT_LLAMA2,
	LLAMA_CHAT_LLAMA3,
};

/** llama_chat_name() - Return "none", "chatml", "zephyr", "llama-2" or "llama-3". */
const char *llama_chat_name(enum llama_chat_template t);

/** llama_chat_by_name() - Look up a template. Return: the template, or -EINVAL. */
int llama_chat_by_name(const char *name);

/**
 * llama_chat_detect() - Recognise the family of the file's tokenizer.chat_template.
 * @g: Index of the file.
 * @default_system: Set to the system prompt that the template writes for callers without
 *   one, otherwise to NULL data. It is found in chatml templates that hold it literally,
 *   without a quote, a brace or an escape.
 *
 * Return: the family; LLAMA_CHAT_NONE if the file has no template, an unknown one, or
 * one of more than a megabyte.
 */
enum llama_chat_template llama_chat_detect(const struct gguf *g,
					   struct gguf_str *default_system);

/**
 * struct llama_chat_turn - A turn of a dialogue, not yet tokenized.
 * @system: System prompt; NULL data for none. An empty prompt is a prompt. LLAMA_CHAT_NONE
 *   puts it and an empty line in front of the user's text.
 * @user:   Plain text of the user.
 */
struct llama_chat_turn {
	struct gguf_str system;
	struct gguf_str user;
};

/**
 * llama_chat_bounds() - Compute what llama_chat_tokenize() needs.
 * @v:          Vocabulary.
 * @t:          Family of the template.
 * @turn:       The turn, as the first of a dialogue.
 * @max_tokens: Largest number of tokens.
 * @scratch:    Bytes of scratch memory.
 */
void llama_chat_bounds(const struct llama_vocab *v, enum llama_chat_template t,
		       const struct llama_chat_turn *turn, size_t *max_tokens,
		       size_t *scratch);

/**
 * llama_chat_tokenize() - Tokenize a turn with the head of the answer.
 * @v:       Vocabulary.
 * @t:       Family of the template.
 * @turn:    The turn; its system prompt is used if @first is set.
 * @first:   The dialogue begins here, with BOS and the system prompt. Otherwise the ids begin
 *   with the end of the previous answer.
 * @ids:     (max_ids,) out.
 * @max_ids: Room at @ids.
 * @scratch: Memory of llama_chat_bounds() bytes, aligned to 64.
 * @yield:   See llama_tokenize().
 *
 * Control tokens of the template become ids. Texts of the caller stay plain text.
 *
 * Return: see llama_tokenize().
 */
long llama_chat_tokenize(const struct llama_vocab *v, enum llama_chat_template t,
			 const struct llama_chat_turn *turn, bool first,
			 u32 *ids, size_t max_ids, void *scratch,
			 const struct llama_yield *yield);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Chat templates
 *
 * A model file carries its template as jinja2 source. The core does not
 * interpret it: it recognises the five families below by the literals that
 * the source contains, and writes the same text that jinja2 would. The ids
 * are those of that text tokenized whole with its control tokens: in SPM
 * vocabularies a space is put in front of the text and of whatever follows a
 * control token, as where these files' other readers split it.
 *
 * - chatml: "<|im_start|>" and "<|im_end|>".
 * - llama-3: "<|start_header_id|>" and "<|eot_id|>". Contents are trimmed. The
 *   dates that later templates of the family add are not written.
 * - zephyr: "<|user|>", "<|assistant|>" and "eos_token".
 * - llama-2: "[INST]" and "<<SYS>>"; without the latter, as Mistral has it,
 *   the template is another one and counts as unknown. Contents are trimmed.
 *
 * A conversation begins with one BOS where the template writes it (llama-2,
 * llama-3) or the vocabulary asks for it (add_bos), never with two. A marker
 * such as "<|user|>" is a control token where the vocabulary has it as one,
 * else plain text, as TinyLlama means it.
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

/** llama_chat_name() - "none", "chatml", "zephyr", "llama-2", "llama-3". */
const char *llama_chat_name(enum llama_chat_template t);

/** llama_chat_by_name() - Return: the template, or -EINVAL. */
int llama_chat_by_name(const char *name);

/**
 * llama_chat_detect() - The family of the file's tokenizer.chat_template.
 * @g: The file.
 * @default_system: Set to the system prompt that the file's own template
 *   puts in where the caller has none (SmolLM2's does), else to NULL data and
 *   no length. Taken from chatml templates that hold it word for word; one
 *   with a quote, a brace or an escape in it is left out.
 *
 * Return: the family; LLAMA_CHAT_NONE where the file has no template, one that
 * is not known, or one of more than a megabyte.
 */
enum llama_chat_template llama_chat_detect(const struct gguf *g,
					   struct gguf_str *default_system);

/**
 * struct llama_chat_turn - The first turn of a conversation.
 * @system: System prompt; NULL data for none, which an empty one is not.
 *   LLAMA_CHAT_NONE puts it and an empty line in front of the user's text.
 * @user:   What the user says; always plain text.
 */
struct llama_chat_turn {
	struct gguf_str system;
	struct gguf_str user;
};

/**
 * llama_chat_bounds() - As llama_tokenize_bounds(), for a whole turn.
 * @v:          Vocabulary.
 * @t:          Family of the template.
 * @turn:       What shall be tokenized, as the first turn.
 * @max_tokens: Tokens at the most.
 * @scratch:    Bytes of scratch memory.
 */
void llama_chat_bounds(const struct llama_vocab *v, enum llama_chat_template t,
		       const struct llama_chat_turn *turn, size_t *max_tokens,
		       size_t *scratch);

/**
 * llama_chat_tokenize() - Token ids of a turn with the head of the answer.
 * @v:       Vocabulary.
 * @t:       Family of the template.
 * @turn:    Its system prompt counts where @first is set.
 * @first:   The conversation begins here: BOS and the system prompt included.
 *   Otherwise what ends the previous answer and begins the next user turn.
 * @ids:     (max_ids,) out.
 * @max_ids: Room at @ids.
 * @scratch: Memory of llama_chat_bounds() bytes, aligned to 64.
 * @yield:   As llama_tokenize() calls it.
 *
 * The template's own control tokens become ids; the caller's texts never do.
 * Return: as llama_tokenize().
 */
long llama_chat_tokenize(const struct llama_vocab *v, enum llama_chat_template t,
			 const struct llama_chat_turn *turn, bool first,
			 u32 *ids, size_t max_ids, void *scratch,
			 const struct llama_yield *yield);

#endif

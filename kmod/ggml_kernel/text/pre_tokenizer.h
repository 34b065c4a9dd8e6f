/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Pre-tokenizers
 *
 * BPE merges within words only. A pre-tokenizer cuts a text into words, as a
 * regular expression of the model's authors does.
 */
#ifndef LLAMA_PRE_TOKENIZER_H
#define LLAMA_PRE_TOKENIZER_H

#include "file/gguf_values.h"

struct cursor;

/**
 * struct llama_pre_tokenizer - A way to cut a text into words.
 * @name:         Value of tokenizer.ggml.pre.
 * @next:         Moves a cursor behind the word that begins there.
 * @lone_numbers: Each number is a word of its own.
 * @whole_words:  A word that is a token becomes that token, without merges.
 * @add_bos:      Texts begin with BOS unless the file says otherwise.
 */
struct llama_pre_tokenizer {
	const char *name;
	void (*next)(struct cursor *c);
	bool lone_numbers;
	bool whole_words;
	bool add_bos;
};

/* Takes a word @s (n,). Return: 0, or an error that ends the text. */
typedef int llama_word_fn(void *arg, const char *s, size_t n);

/** llama_pre_tokenizer() - Look up a pre-tokenizer. Return: NULL if @name is unknown. */
const struct llama_pre_tokenizer *llama_pre_tokenizer(struct gguf_str name);

/**
 * llama_pre_tokenizer_split() - Cut a text into words.
 * @p:    Pre-tokenizer.
 * @s:    (n,) well-formed UTF-8.
 * @n:    May be 0.
 * @word: Called for each word in order.
 * @arg:  Handed to @word.
 *
 * Return: 0, or the first error of @word.
 */
int llama_pre_tokenizer_split(const struct llama_pre_tokenizer *p, const char *s, size_t n,
			      llama_word_fn *word, void *arg);

#endif

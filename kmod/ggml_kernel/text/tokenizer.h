/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Tokenizers
 *
 * A tokenizer is a struct llama_tokenizer in a file of its own. To add one, list
 * it in tokenizer.c.
 */
#ifndef LLAMA_TOKENIZER_H
#define LLAMA_TOKENIZER_H

#include "text/merge.h"

/**
 * struct tokenization - State of a call of llama_tokenize().
 * @v:       Vocabulary.
 * @ids:     (max_ids,) out, @n_ids of them written.
 * @max_ids: Room at @ids.
 * @n_ids:   Number of ids so far.
 * @work:    Memory for a text with escaped spaces, or for a word as BPE spells it.
 * @memory:  Memory of a merger: symbols, then candidates.
 * @room:    Number of symbols that fit.
 * @yield:   Hook.
 * @since:   Bytes of text since the latest call of @yield.
 */
struct tokenization {
	const struct llama_vocab *v;
	u32 *ids;
	size_t max_ids;
	size_t n_ids;
	char *work;
	void *memory;
	size_t room;
	const struct llama_yield *yield;
	size_t since;
};

/**
 * struct llama_tokenizer - A kind of tokenizer.
 * @model:    Value of tokenizer.ggml.model.
 * @escapes_spaces: Tokens spell spaces as U+2581, user-defined ones too, and @tokenize looks
 *   for the latter itself. A text may begin with an additional space.
 * @begin:    Set the vocabulary's defaults before the file's keys are read.
 * @load:     Read the tokenizer's own tables; only measure while the arena has no memory.
 * @tokenize: Add the ids of plain text @s (n,), well-formed UTF-8. @prefix: an additional space
 *   goes in front. Return: 0, -ENOSPC or the hook's value.
 * @piece:    Write the bytes that a token's text stands for, no more than its length. Return:
 *   their number.
 */
struct llama_tokenizer {
	const char *model;
	bool escapes_spaces;
	int (*begin)(struct llama_vocab *v, const struct gguf *g, struct llama_diag *diag);
	int (*load)(struct llama_vocab *v, const struct gguf *g, struct llama_arena *arena,
		    const struct llama_yield *yield, struct llama_diag *diag);
	int (*tokenize)(struct tokenization *t, const char *s, size_t n, bool prefix);
	int (*piece)(struct gguf_str text, char *buf);
};

extern const struct llama_tokenizer llama_tokenizer_bpe, llama_tokenizer_spm;

/** llama_tokenizer_find() - Look up a tokenizer by its model. Return: NULL if it is unknown. */
const struct llama_tokenizer *llama_tokenizer_find(struct gguf_str model);

/** llama_tokenizer_emit() - Add an id. Return: 0 or -ENOSPC. */
int llama_tokenizer_emit(struct tokenization *t, u32 id);

/** llama_tokenizer_tick() - Count @n bytes, yield if due. Return: 0 or the hook's value. */
int llama_tokenizer_tick(struct tokenization *t, size_t n);

/**
 * llama_tokenizer_special() - Find the longest special token that @s (n,) begins with.
 * @v:       Vocabulary.
 * @s:       (n,) any bytes.
 * @n:       May be 0.
 * @control: Look for control and unknown tokens.
 * @user:    Look for user-defined ones.
 *
 * Return: its id or LLAMA_TOKEN_NONE.
 */
u32 llama_tokenizer_special(const struct llama_vocab *v, const char *s, size_t n, bool control,
			    bool user);

/** llama_tokenizer_merger() - Return a merger over @text without symbols, in @t's memory. */
struct merger llama_tokenizer_merger(struct tokenization *t, const char *text);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: What the two tokenizers share with tokenizer.c
 */
#ifndef LLAMA_TOKENIZER_H
#define LLAMA_TOKENIZER_H

#include "text/merge.h"

/**
 * struct tokenizer - One call of llama_tokenize().
 * @v:       Vocabulary.
 * @ids:     (max_ids,) out, @n_ids of them written.
 * @max_ids: Room at @ids.
 * @n_ids:   Ids so far.
 * @work:    Memory for a text: with SPM's spaces, or a word as BPE spells it.
 * @memory:  Symbols, then candidates.
 * @room:    Symbols that there is room for.
 * @yield:   Hook.
 * @since:   Bytes of text since it was called.
 */
struct tokenizer {
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

/** llama_tokenizer_emit() - Add an id. Return: 0 or -ENOSPC. */
int llama_tokenizer_emit(struct tokenizer *t, u32 id);

/** llama_tokenizer_tick() - @n more bytes are done. Return: 0 or the hook's value. */
int llama_tokenizer_tick(struct tokenizer *t, size_t n);

/**
 * llama_tokenizer_special() - The longest special token that @s (n,) begins with.
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

/** llama_tokenizer_merger() - A merger over @text without symbols, in @t's memory. */
struct merger llama_tokenizer_merger(struct tokenizer *t, const char *text);

/** llama_bpe_tokenize() - Plain text @s (n,), UTF-8. Return: 0, -ENOSPC or the hook's value. */
int llama_bpe_tokenize(struct tokenizer *t, const char *s, size_t n);

/** llama_spm_tokenize() - Likewise; @prefix: a space goes in front. */
int llama_spm_tokenize(struct tokenizer *t, const char *s, size_t n, bool prefix);

/** llama_bpe_read_pre() - Which pre-tokenizer. */
int llama_bpe_read_pre(struct llama_vocab *v, const struct gguf *g, struct llama_diag *diag);

/** llama_bpe_load() - Read merges and bytes; with @v->text NULL only measure. */
int llama_bpe_load(struct llama_vocab *v, const struct gguf *g, struct llama_arena *arena,
		   const struct llama_yield *yield, struct llama_diag *diag);

/** llama_spm_load() - Read scores and bytes; likewise. */
int llama_spm_load(struct llama_vocab *v, const struct gguf *g, struct llama_arena *arena,
		   struct llama_diag *diag);

/** llama_bpe_piece() - A token's bytes, for which its characters stand. @buf has room for its text. */
int llama_bpe_piece(struct gguf_str text, char *buf);

/** llama_spm_piece() - A token's bytes: U+2581 becomes a space. */
int llama_spm_piece(struct gguf_str text, char *buf);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Vocabularies and tokenizers
 *
 * tokenizer.ggml.model selects the tokenizer: byte-level BPE ("gpt2") in bpe.c or
 * SentencePiece-style ("llama") in spm.c. Both accept any bytes: each maximal
 * ill-formed subsequence becomes U+FFFD (Unicode 3.9; Python's errors="replace").
 */
#ifndef LLAMA_VOCAB_H
#define LLAMA_VOCAB_H

#include "file/gguf_values.h"

#define LLAMA_TOKEN_NONE U32_MAX
#define LLAMA_MAX_VOCAB (1u << 20)
#define LLAMA_MAX_TOKEN 4096	/* bytes of a token's text in the file */

struct llama_tokenizer;
struct llama_pre_tokenizer;

/* llama_tokenize() flags. */
#define LLAMA_TOKENIZE_BOS	1u	/* begin with BOS where the file asks for it */
#define LLAMA_TOKENIZE_SPECIAL	2u	/* text of control tokens becomes their ids; never for users' text */
#define LLAMA_TOKENIZE_CONT	4u	/* continues earlier text: no space prefix (SPM) */

/* tokenizer.ggml.token_type */
enum llama_token_kind {
	LLAMA_TOKEN_NORMAL = 1,
	LLAMA_TOKEN_UNKNOWN = 2,
	LLAMA_TOKEN_CONTROL = 3,
	LLAMA_TOKEN_USER = 4,
	LLAMA_TOKEN_UNUSED = 5,
	LLAMA_TOKEN_BYTE = 6,
};

#define LLAMA_TOKEN_EOG 0x80	/* beside its kind: ends a generation */

/**
 * struct llama_vocab - A vocabulary and the tables of its tokenizer.
 * @tokenizer: Its tokenizer.
 * @n_vocab: Number of tokens.
 * @bos:     Token of the beginning of a text, or LLAMA_TOKEN_NONE.
 * @eos:     Token of the end of a text, likewise.
 * @eot:     Token of the end of a turn, likewise.
 * @unk:     Token of unknown text, likewise.
 * @add_bos: The file asks for BOS in front of a text.
 *
 * The remaining fields are private to the tokenizers:
 * @add_space_prefix: SPM: a text begins with an additional space.
 * @pre:       BPE: its pre-tokenizer.
 * @max_piece: Bytes of the longest token's text.
 * @text:      (n_vocab,) the tokens as the file spells them.
 * @kind:      (n_vocab,) enum llama_token_kind, perhaps with LLAMA_TOKEN_EOG.
 * @bucket_bits: Number of bits of the hash that selects a bucket of @by_text.
 * @bucket:    (2^bucket_bits + 1,) index in @by_text at which each bucket begins.
 * @by_text:   (n_vocab,) ids; within a bucket in order of their text, then id.
 * @n_special: Number of ids at @special.
 * @special:   Control, unknown and user-defined tokens in order of their bytes.
 * @byte_id:   (256,) the token of each byte, or LLAMA_TOKEN_NONE.
 * @merge_at:  BPE: (n_vocab + 1,) index in @merge at which the merges of each left part begin.
 * @merge:     BPE: (n_merges,) right part << 32 | rank, in order for each left part.
 * @merge_result: BPE: (n_merges,) the token that the merge of each rank makes.
 * @rank:      SPM: (n_vocab,) the scores as integers; the lowest is the best.
 */
struct llama_vocab {
	const struct llama_tokenizer *tokenizer;
	u32 n_vocab;
	u32 bos;
	u32 eos;
	u32 eot;
	u32 unk;
	bool add_bos;
	bool add_space_prefix;
	const struct llama_pre_tokenizer *pre;
	u32 max_piece;
	struct gguf_str *text;
	u8 *kind;
	u32 bucket_bits;
	u32 *bucket;
	u32 *by_text;
	u32 n_special;
	u32 *special;
	u32 *byte_id;
	u32 *merge_at;
	u64 *merge;
	u32 *merge_result;
	u32 *rank;
};

/**
 * llama_vocab_size() - Check a vocabulary and compute its memory.
 * @g:    Index of the file.
 * @need: Arena bytes that llama_vocab_init() needs.
 * @diag: Names the cause on failure.
 *
 * Return: 0, -EINVAL (malformed), or -EOPNOTSUPP (unknown tokenizer or pre-tokenizer).
 */
int llama_vocab_size(const struct gguf *g, size_t *need, struct llama_diag *diag);

/**
 * llama_vocab_init() - Build a vocabulary.
 * @v:     Filled.
 * @g:     Index of the file, needed during the call; the image as long as @v lives.
 * @arena: llama_vocab_size() bytes, needed as long as @v lives.
 * @yield: Called between pieces of bounded work; may be NULL.
 * @diag:  Names the cause on failure.
 *
 * Return: see llama_vocab_size(); -ENOMEM if @arena is too small; or the hook's value.
 */
int llama_vocab_init(struct llama_vocab *v, const struct gguf *g,
		     struct llama_arena *arena, const struct llama_yield *yield,
		     struct llama_diag *diag);

/**
 * llama_tokenize_bounds() - Compute what llama_tokenize() needs for @n bytes of text.
 * @v:          Vocabulary.
 * @n:          Bytes of text.
 * @max_tokens: Largest number of tokens (BOS and a space prefix included).
 * @scratch:    Bytes of scratch memory. Linear in @n.
 */
void llama_tokenize_bounds(const struct llama_vocab *v, size_t n,
			   size_t *max_tokens, size_t *scratch);

/**
 * llama_tokenize() - Convert a text to token ids, in O(n log n).
 * @v:       Vocabulary.
 * @text:    (n,) bytes.
 * @n:       May be 0.
 * @flags:   LLAMA_TOKENIZE_*.
 * @ids:     (max_ids,) out.
 * @max_ids: Room at @ids.
 * @scratch: Memory of llama_tokenize_bounds() bytes, aligned to 64.
 * @yield:   Called at least once per 64 KiB of text. May be NULL.
 *
 * Return: number of ids, -ENOSPC if @ids is too small, or the hook's value.
 */
long llama_tokenize(const struct llama_vocab *v, const char *text, size_t n, u32 flags,
		    u32 *ids, size_t max_ids, void *scratch,
		    const struct llama_yield *yield);

/**
 * llama_token_piece() - Write the bytes that a token stands for inside a text.
 * @v:    Vocabulary.
 * @id:   Below n_vocab.
 * @special: Also write the text of control tokens.
 * @buf:  (size,) out.
 * @size: Room at @buf; llama_vocab_max_piece() is enough.
 *
 * SPM: "\xe2\x96\x81" becomes a space. The caller drops the space that add_space_prefix has
 * put in front of a text (llama_vocab_strips_space()).
 *
 * Return: bytes written, -ENOSPC, or -EINVAL for a bad id.
 */
int llama_token_piece(const struct llama_vocab *v, u32 id, bool special, char *buf, size_t size);

/** llama_vocab_strips_space() - Tell whether decoding drops a leading space of a text. */
bool llama_vocab_strips_space(const struct llama_vocab *v);

/** llama_vocab_is_eog() - Tell whether @id ends an answer. */
bool llama_vocab_is_eog(const struct llama_vocab *v, u32 id);

/** llama_vocab_is_control() - Tell whether @id is a control token. */
bool llama_vocab_is_control(const struct llama_vocab *v, u32 id);

/** llama_vocab_find() - Return the lowest id of a token with text @s, or LLAMA_TOKEN_NONE. */
u32 llama_vocab_find(const struct llama_vocab *v, struct gguf_str s);

/** llama_vocab_is_text() - Tell whether plain text may become @id, which may be any number. */
bool llama_vocab_is_text(const struct llama_vocab *v, u32 id);

/** llama_vocab_max_piece() - Return the bytes of the longest llama_token_piece(). */
size_t llama_vocab_max_piece(const struct llama_vocab *v);

#endif

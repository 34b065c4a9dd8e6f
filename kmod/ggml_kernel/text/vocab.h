/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Vocabularies and tokenizers
 *
 * Two tokenizers, chosen by tokenizer.ggml.model: byte-level BPE ("gpt2") in
 * bpe.c and SentencePiece-style ("llama") in spm.c. Both accept any bytes:
 * each maximal ill-formed subsequence counts as U+FFFD (Unicode 3.9, the
 * practice of Python's errors="replace").
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
#define LLAMA_TOKENIZE_SPECIAL	2u	/* control tokens' text becomes their ids; never for user text */
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
 * struct llama_vocab - A vocabulary ready for use.
 * @tokenizer: Its tokenizer.
 * @n_vocab: Number of tokens.
 * @bos:     Begin-of-text token or LLAMA_TOKEN_NONE; likewise:
 * @eos:     End of text.
 * @eot:     End of turn.
 * @unk:     Unknown.
 * @add_bos: The file asks for BOS in front of a text.
 *
 * The remaining fields are the tokenizers' own:
 * @add_space_prefix: SPM: a text begins with a space of its own.
 * @pre:       BPE: its pre-tokenizer.
 * @max_piece: Bytes of the longest token's text.
 * @text:      (n_vocab,) the tokens as the file spells them.
 * @kind:      (n_vocab,) enum llama_token_kind, perhaps with LLAMA_TOKEN_EOG.
 * @bucket_bits: Of the hash that chooses a bucket of @by_text.
 * @bucket:    (2^bucket_bits + 1,) where each bucket begins in @by_text.
 * @by_text:   (n_vocab,) ids; within a bucket in order of their text, then id.
 * @n_special: Ids at @special.
 * @special:   Control, unknown and user-defined tokens in order of their bytes.
 * @byte_id:   (256,) the token of each byte, or LLAMA_TOKEN_NONE.
 * @merge_at:  BPE: (n_vocab + 1,) where the merges of each left part begin in @merge.
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
 * llama_vocab_size() - Arena bytes that llama_vocab_init() wants.
 * @g:    The file.
 * @need: Bytes out.
 * @diag: Names what is wrong where this fails.
 * Return: 0, -EINVAL malformed, -EOPNOTSUPP unknown tokenizer or pre-tokenizer.
 */
int llama_vocab_size(const struct gguf *g, size_t *need, struct llama_diag *diag);

/**
 * llama_vocab_init() - Build the look-up tables. @g's file image must outlive @v.
 * @v:     Filled.
 * @g:     Index of the file, needed during the call; the image as long as @v lives.
 * @arena: llama_vocab_size() bytes, needed as long as @v lives.
 * @yield: Called between pieces of bounded work; may be NULL.
 * @diag:  Names what is wrong where this fails.
 * Return: 0, as llama_vocab_size(), -ENOMEM where @arena is too small,
 * or what the yield hook returned.
 */
int llama_vocab_init(struct llama_vocab *v, const struct gguf *g,
		     struct llama_arena *arena, const struct llama_yield *yield,
		     struct llama_diag *diag);

/**
 * llama_tokenize_bounds() - What llama_tokenize() may need for @n bytes of text.
 * @v:          Vocabulary.
 * @n:          Bytes of text.
 * @max_tokens: Tokens at the most (BOS and a space prefix included).
 * @scratch:    Bytes of scratch memory. Linear in @n.
 */
void llama_tokenize_bounds(const struct llama_vocab *v, size_t n,
			   size_t *max_tokens, size_t *scratch);

/**
 * llama_tokenize() - Text to token ids, in O(n log n).
 * @v:       Vocabulary.
 * @text:    (n,) bytes.
 * @n:       May be 0.
 * @flags:   LLAMA_TOKENIZE_*.
 * @ids:     (max_ids,) out.
 * @max_ids: Room at @ids.
 * @scratch: Memory of llama_tokenize_bounds() bytes, aligned to 64.
 * @yield:   Called at least once per 64 KiB of text. May be NULL.
 *
 * Return: number of ids, -ENOSPC where @ids is too small, or the hook's value.
 */
long llama_tokenize(const struct llama_vocab *v, const char *text, size_t n, u32 flags,
		    u32 *ids, size_t max_ids, void *scratch,
		    const struct llama_yield *yield);

/**
 * llama_token_piece() - The bytes that a token stands for in running text.
 * @v:    Vocabulary.
 * @id:   Below n_vocab.
 * @special: Also give the text of control tokens; else they have none.
 * @buf:  (size,) out.
 * @size: Room at @buf; llama_vocab_max_piece() is enough.
 *
 * SPM: "\xe2\x96\x81" becomes a space; the space that add_space_prefix put in
 * front of a text is the caller's to drop (llama_vocab_strips_space()).
 * Return: bytes, -ENOSPC, or -EINVAL on a bad id.
 */
int llama_token_piece(const struct llama_vocab *v, u32 id, bool special, char *buf, size_t size);

/** llama_vocab_strips_space() - Whether decoding drops one leading space of a text. */
bool llama_vocab_strips_space(const struct llama_vocab *v);

/** llama_vocab_is_eog() - Whether @id ends a generation (end of text, turn or message). */
bool llama_vocab_is_eog(const struct llama_vocab *v, u32 id);

/** llama_vocab_is_control() - Whether @id is a control token. */
bool llama_vocab_is_control(const struct llama_vocab *v, u32 id);

/** llama_vocab_find() - The lowest id of a token spelt @s, or LLAMA_TOKEN_NONE. */
u32 llama_vocab_find(const struct llama_vocab *v, struct gguf_str s);

/** llama_vocab_is_text() - Whether plain text may become @id; LLAMA_TOKEN_NONE is fine to ask. */
bool llama_vocab_is_text(const struct llama_vocab *v, u32 id);

/** llama_vocab_max_piece() - Bytes of the longest llama_token_piece(). */
size_t llama_vocab_max_piece(const struct llama_vocab *v);

#endif

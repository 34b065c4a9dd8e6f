/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Merging a text's symbols pair by pair, the best pair first
 *
 * Tokenizers differ in the initial symbols and in the pairs that merge. A heap of
 * candidate pairs makes it O(n log n).
 */
#ifndef LLAMA_MERGE_H
#define LLAMA_MERGE_H

#include "text/vocab.h"

#define MERGE_NONE U32_MAX

/**
 * struct symbol - A stretch of the text.
 * @start: Index of its first byte.
 * @len:   Number of bytes; 0 once it is merged into its neighbour.
 * @id:    Its token or LLAMA_TOKEN_NONE.
 * @prev:  Index of the symbol before it, or MERGE_NONE.
 * @next:  Index of the symbol behind it, or MERGE_NONE.
 */
struct symbol {
	u32 start;
	u32 len;
	u32 id;
	u32 prev;
	u32 next;
};

/**
 * struct candidate - Two neighbours that may merge.
 * @rank: Rank of the merge; the lowest is merged first.
 * @left: Index of the first one.
 * @len:  Bytes of both; if it differs, one of them has been merged meanwhile.
 */
struct candidate {
	u32 rank;
	u32 left;
	u32 len;
};

/* Scratch bytes for each symbol. A merge removes one candidate and adds two. */
#define MERGE_SCRATCH (sizeof(struct symbol) + 2 * sizeof(struct candidate))

/**
 * struct merger - A text being merged.
 * @v:       Vocabulary.
 * @text:    The text.
 * @symbols: (n_symbols,) linked from the first one.
 * @n_symbols: Number of initial symbols.
 * @heap:    (2 * n_symbols,) candidates.
 * @n_heap:  Number of candidates.
 * @pair:    Tells whether @l and @r merge, with the rank and the resulting token.
 */
struct merger {
	const struct llama_vocab *v;
	const char *text;
	struct symbol *symbols;
	u32 n_symbols;
	struct candidate *heap;
	u32 n_heap;
	bool (*pair)(const struct merger *m, const struct symbol *l, const struct symbol *r,
		     u32 *rank, u32 *id);
};

/** llama_merge_add() - Append a symbol. */
void llama_merge_add(struct merger *m, u32 start, u32 len, u32 id);

/** llama_merge_all() - Merge until no pair is left. Return: 0 or the hook's value. */
int llama_merge_all(struct merger *m, const struct llama_yield *yield);

#endif

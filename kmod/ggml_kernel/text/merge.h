/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Merging a text's symbols pair by pair, the best pair first
 *
 * Both tokenizers do this; they differ in what a symbol is at first and in
 * which pairs merge. A heap of candidate pairs makes it O(n log n).
 */
#ifndef LLAMA_MERGE_H
#define LLAMA_MERGE_H

#include "text/vocab.h"

#define MERGE_NONE U32_MAX

/**
 * struct symbol - A stretch of the text.
 * @start: Its first byte.
 * @len:   Bytes; 0 once it was merged into its neighbour.
 * @id:    Its token or LLAMA_TOKEN_NONE.
 * @prev:  The neighbours' indices, or MERGE_NONE;
 * @next:  likewise.
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
 * @rank: The lower the better.
 * @left: Index of the first one.
 * @len:  Of both together: tells whether they are still what they were.
 */
struct candidate {
	u32 rank;
	u32 left;
	u32 len;
};

/* Bytes of scratch for each symbol. A merge takes one candidate away and adds two. */
#define MERGE_SCRATCH (sizeof(struct symbol) + 2 * sizeof(struct candidate))

/**
 * struct merger - A text being merged.
 * @v:       Vocabulary.
 * @text:    The text.
 * @symbols: (n_symbols,) linked from the first one.
 * @n_symbols: How many there were at first.
 * @heap:    (2 * n_symbols,) candidates.
 * @n_heap:  Candidates.
 * @pair:    Whether @l and @r merge: their rank and the token that they make.
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

/** llama_merge_add() - Put a symbol at the end. */
void llama_merge_add(struct merger *m, u32 start, u32 len, u32 id);

/** llama_merge_all() - Until no pair is left. Return: 0 or the hook's value. */
int llama_merge_all(struct merger *m, const struct llama_yield *yield);

#endif

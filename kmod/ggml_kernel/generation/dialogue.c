// SPDX-License-Identifier: GPL-2.0
/* Dialogues: turns that continue the tokens before them. */
#include "generation/dialogue.h"

/* Return the scratch bytes for tokenizing a text of at most @len bytes. */
static size_t text_scratch(const struct llama_generation *g, const struct llama_options *o,
			   const char *texts, size_t len)
{
	return llama_align_up(llama_prompt_scratch(g->m, o, (struct gguf_str){ texts, len }));
}

size_t llama_turn_scratch(const struct llama_generation *g, const struct llama_options *o,
			  const char *texts, size_t n_texts)
{
	return llama_align_up(g->scratch.n_ctx * sizeof(u32)) +
	       2 * text_scratch(g, o, texts, n_texts);
}

/* Return the number of positions that an answer must have; older turns are dropped for them. */
static u32 reserve(const struct llama_generation *g, const struct llama_options *o)
{
	u32 quarter = g->scratch.n_ctx / 4;

	return max(o->max_tokens && o->max_tokens < quarter ? o->max_tokens : quarter, 1u);
}

/*
 * Find the oldest turn @first that can stay when @n new tokens are added, and write the tokens of
 * a dialogue that begins with it to @all. Return: their number; 0 if no turn can stay.
 */
static long shorten(const struct llama_generation *g, const struct llama_options *o,
		    const char *texts, u32 n, u32 *first, u32 *all, void *tmp,
		    const struct llama_yield *yield)
{
	u32 room = g->scratch.n_ctx - reserve(g, o);

	for (*first = 1; *first < g->n_turns; (*first)++) {
		const struct llama_turn *turn = &g->turns[*first];
		u32 kept = g->n_tokens - turn->answer;
		struct gguf_str text = { texts + turn->text, turn->len };
		long n_head;
		u32 *head;

		if (kept + n >= room)
			continue;
		n_head = llama_prompt_tokenize(g->m, o, text, true, &head, tmp, yield);
		if (n_head < 0)
			return n_head;
		if (n_head + kept + n > room)
			continue;
		memcpy(all, head, n_head * sizeof(*all));
		memcpy(all + n_head, g->tokens + turn->answer, kept * sizeof(*all));
		return n_head + kept;
	}
	return 0;
}

/* Drop the turns before @first. @all: (n,) tokens of the remaining dialogue. */
static void drop(struct llama_generation *g, u32 first, const u32 *all, u32 n)
{
	u32 i;

	for (i = first; i < g->n_turns; i++) {
		g->turns[i - first] = g->turns[i];
		g->turns[i - first].answer -= g->n_tokens - n;
	}
	g->n_turns -= first;
	g->n_past = llama_common_prefix(g->tokens, g->n_past, all, n);
	memcpy(g->tokens, all, n * sizeof(*all));
	g->n_tokens = n;
}

static void note_turn(struct llama_generation *g, size_t at, size_t n_texts)
{
	g->turns[g->n_turns++] = (struct llama_turn){ g->n_tokens, n_texts - at, at };
}

/* Begin a dialogue, or begin it again without its earlier turns. */
static int first_turn(struct llama_generation *g, const struct llama_options *o,
		      struct gguf_str text, void *tmp, const struct llama_yield *yield,
		      struct llama_diag *diag)
{
	u32 n_turns = g->n_turns;
	int err = llama_generation_prompt(g, o, text, tmp, yield, diag);

	if (err)
		g->n_turns = n_turns;
	return err;
}

int llama_generation_turn(struct llama_generation *g, const struct llama_options *o,
			  const char *texts, size_t n_texts, size_t at, void *tmp,
			  const struct llama_yield *yield, struct llama_diag *diag)
{
	struct gguf_str text = { texts + at, n_texts - at };
	u32 *all = tmp;
	void *tmp_new = (u8 *)tmp + llama_align_up(g->scratch.n_ctx * sizeof(u32));
	void *tmp_old = (u8 *)tmp_new + text_scratch(g, o, texts, n_texts);
	u32 first;
	u32 *ids;
	long n, n_old;
	int err;

	if (!g->n_turns) {
		err = first_turn(g, o, text, tmp_new, yield, diag);
		goto note;
	}
	err = llama_options_check(&g->sampler, &g->stop, o, diag);
	if (err)
		return err;
	n = llama_prompt_tokenize(g->m, o, text, false, &ids, tmp_new, yield);
	if (n < 0)
		return n;
	if (g->n_turns == LLAMA_MAX_TURNS || g->n_tokens + n + reserve(g, o) > g->scratch.n_ctx) {
		n_old = shorten(g, o, texts, n, &first, all, tmp_old, yield);
		if (n_old < 0)
			return n_old;
		if (!n_old) {
			err = first_turn(g, o, text, tmp_old, yield, diag);
			goto note;
		}
		drop(g, first, all, n_old);
	}
	memcpy(g->tokens + g->n_tokens, ids, n * sizeof(*ids));
	llama_generation_begin(g, o, g->n_tokens + n, g->n_past);
note:
	if (!err)
		note_turn(g, at, n_texts);
	return err;
}

// SPDX-License-Identifier: GPL-2.0
#include "generation.h"

#define LOOK_BACK 8192	/* tokens: what a guess may be made of */
#define N_GRAM 3	/* tokens that must have come before; after fewer, most guesses fail */
#define FIRST_DRAFT 1	/* token of a first guess */

static void lay_out(struct llama_generation *g, u32 n_ctx, struct llama_arena *arena)
{
	const struct llama_model *m = g->m;

	/* Control tokens have no text of their own, but their ids are tokens like any other. */
	g->piece_size = llama_vocab_max_piece(&m->vocab);
	g->tokens = llama_arena_alloc(arena, n_ctx, sizeof(*g->tokens));
	g->logits = llama_arena_alloc(arena, (size_t)(LLAMA_MAX_DRAFT + 1) * m->n_vocab,
				      sizeof(*g->logits));
	g->sample_scratch = llama_arena_alloc(arena, 1, llama_sampler_scratch(m->n_vocab));
	g->piece = llama_arena_alloc(arena, 1, g->piece_size);
}

size_t llama_generation_size(const struct llama_model *m, u32 n_ctx, u32 n_batch, u32 n_workers)
{
	struct llama_generation g = { .m = m };
	struct llama_arena arena = { 0 };

	lay_out(&g, n_ctx, &arena);
	return arena.used + llama_scratch_size(m, n_ctx, n_batch, n_workers);
}

int llama_generation_init(struct llama_generation *g, const struct llama_model *m, u32 n_ctx,
			  u32 n_batch, u32 n_workers, struct llama_arena *arena)
{
	int err;

	memset(g, 0, sizeof(*g));
	g->m = m;
	g->done = true;
	err = llama_scratch_init(&g->scratch, m, n_ctx, n_batch, n_workers, arena);
	if (err)
		return err;
	lay_out(g, n_ctx, arena);
	return g->piece ? 0 : -ENOMEM;
}

void llama_generation_adopt(struct llama_generation *g, const u32 *ids, u32 n)
{
	memcpy(g->tokens, ids, n * sizeof(*ids));
	g->n_past = n;
}

static enum llama_chat_template template(const struct llama_model *m,
					 const struct llama_options *o)
{
	return o->chat == LLAMA_TEMPLATE_AUTO ? m->chat : (enum llama_chat_template)o->chat;
}

static struct llama_chat_turn turn(const struct llama_model *m, const struct llama_options *o,
				   struct gguf_str text)
{
	struct llama_chat_turn t = { .system = o->system, .user = text };

	/* The file's own system prompt is part of its template. */
	if (!t.system.data && template(m, o) != LLAMA_CHAT_NONE)
		t.system = m->default_system;
	return t;
}

static size_t align_up(size_t n)
{
	return (n + LLAMA_ALIGN - 1) & ~((size_t)LLAMA_ALIGN - 1);
}

size_t llama_prompt_scratch(const struct llama_model *m, const struct llama_options *o,
			    struct gguf_str text)
{
	struct llama_chat_turn t = turn(m, o, text);
	size_t ids, scratch;

	llama_chat_bounds(&m->vocab, template(m, o), &t, &ids, &scratch);
	return align_up(ids * sizeof(u32)) + scratch;
}

/* Token ids of a turn. @tmp as for llama_generation_prompt(); *@ids lies in it. */
static long tokenize(const struct llama_model *m, const struct llama_options *o,
		     struct gguf_str text, u32 **ids, void *tmp, const struct llama_yield *yield)
{
	struct llama_chat_turn t = turn(m, o, text);
	size_t max_ids, scratch;

	llama_chat_bounds(&m->vocab, template(m, o), &t, &max_ids, &scratch);
	*ids = tmp;
	return llama_chat_tokenize(&m->vocab, template(m, o), &t, true, tmp, max_ids,
				   (u8 *)tmp + align_up(max_ids * sizeof(u32)), yield);
}

static u32 common_prefix(const u32 *a, u32 n_a, const u32 *b, u32 n_b)
{
	u32 n = min(n_a, n_b);
	u32 i;

	for (i = 0; i < n && a[i] == b[i]; i++)
		;
	return i;
}

/* Two texts that have nothing in common. */
static const struct gguf_str head_texts[] = { { "0", 1 }, { "a", 1 } };

size_t llama_head_scratch(const struct llama_model *m)
{
	return align_up(llama_prompt_scratch(m, &LLAMA_OPTIONS_DEFAULT, head_texts[0]));
}

long llama_generation_head(const struct llama_model *m, u32 *ids, u32 max, void *tmp,
			   const struct llama_yield *yield)
{
	u32 *a, *b;
	long n_a, n_b;
	u32 n;

	n_a = tokenize(m, &LLAMA_OPTIONS_DEFAULT, head_texts[0], &a, tmp, yield);
	if (n_a < 0)
		return n_a;
	n_b = tokenize(m, &LLAMA_OPTIONS_DEFAULT, head_texts[1], &b,
		       (u8 *)tmp + llama_head_scratch(m), yield);
	if (n_b < 0)
		return n_b;
	n = common_prefix(a, n_a, b, n_b);
	if (n > max)
		return 0;
	memcpy(ids, a, n * sizeof(*ids));
	return n;
}

int llama_generation_prompt(struct llama_generation *g, const struct llama_options *o,
			    struct gguf_str text, void *tmp, const struct llama_yield *yield,
			    struct llama_diag *diag)
{
	const struct llama_model *m = g->m;
	u32 n_ctx = g->scratch.n_ctx;
	u32 kept;
	u32 *ids;
	long n;
	u32 i;
	int err;

	g->done = true;
	err = llama_sampler_init(&g->sampler, &o->sampler, diag);
	if (err)
		return err;
	if (o->speculate > LLAMA_MAX_DRAFT)
		return llama_fail(diag, -EINVAL, "speculate is %u, at most %u", o->speculate,
				  LLAMA_MAX_DRAFT);
	n = tokenize(m, o, text, &ids, tmp, yield);
	if (n < 0)
		return n;
	/* An empty raw text begins, as training texts do, with whatever the file begins texts with. */
	if (!n)
		ids[n++] = m->vocab.bos != LLAMA_TOKEN_NONE ? m->vocab.bos : 0;
	if (n >= n_ctx)
		return llama_fail(diag, -EMSGSIZE,
				  "the prompt has %ld tokens, the context has room for %u and an answer",
				  n, n_ctx - 1);
	/* The last token is evaluated in any case, for its logits. */
	kept = common_prefix(g->tokens, g->n_past, ids, n - 1);
	for (i = 0; i < n; i++) {
		g->tokens[i] = ids[i];
		llama_sampler_accept(&g->sampler, ids[i]);
	}
	memset(&g->utf8, 0, sizeof(g->utf8));
	g->n_tokens = n;
	g->n_prompt = n;
	g->n_past = kept;
	g->n_reused = kept;
	g->n_draft = 0;
	g->n_drafted = 0;
	g->n_accepted = 0;
	g->draft = (struct llama_draft){ .most = o->speculate, .next = min_t(u32, o->speculate, FIRST_DRAFT) };
	g->n_end = o->max_tokens && o->max_tokens < n_ctx - n ? n + o->max_tokens : n_ctx;
	g->done = false;
	g->line = template(m, o) != LLAMA_CHAT_NONE;
	g->last = 0;
	return 0;
}

static u32 batch(const struct llama_generation *g)
{
	return min(g->n_tokens + g->n_draft - g->n_past, g->scratch.n_batch);
}

u32 llama_generation_positions(const struct llama_generation *g)
{
	return g->n_past + batch(g);
}

size_t llama_generation_out(const struct llama_model *m)
{
	size_t token = 3 * (llama_vocab_max_piece(&m->vocab) + 3) + 4;

	return (LLAMA_MAX_DRAFT + 1) * token;
}

/* The answer is over: what was held back, and the newline that a terminal wants. */
static size_t end(struct llama_generation *g, char *out)
{
	size_t n = utf8_stream_end(&g->utf8, out);

	g->done = true;
	if (n)
		g->last = out[n - 1];
	if (g->line && g->last != '\n')
		out[n++] = '\n';
	return n;
}

static size_t emit(struct llama_generation *g, u32 token, char *out)
{
	int n = llama_token_piece(&g->m->vocab, token, false, g->piece, g->piece_size);
	size_t written = utf8_stream_push(&g->utf8, g->piece, max(n, 0), out);

	if (written)
		g->last = out[written - 1];
	if (g->n_tokens == g->n_end)
		written += end(g, out + written);
	return written;
}

/* Behind the latest place where the last tokens came before, not too far back, or 0. */
static u32 look_up(const struct llama_generation *g)
{
	const u32 *end = g->tokens + g->n_tokens - N_GRAM;
	u32 last = g->n_tokens - N_GRAM;
	u32 first = last > LOOK_BACK ? last - LOOK_BACK : 0;
	u32 at;

	for (at = last; at > first; at--)
		if (!memcmp(g->tokens + at - 1, end, N_GRAM * sizeof(*end)))
			return at - 1 + N_GRAM;
	return 0;
}

/* Guess what follows: what followed the last three tokens before. */
static void plan_draft(struct llama_generation *g)
{
	u32 most = min(g->draft.next, g->n_end - g->n_tokens - 1);
	u32 from = 0;

	most = min(most, g->scratch.n_batch - 1);
	if (g->draft.wait) {
		g->draft.wait--;
		return;
	}
	if (most && g->n_tokens > N_GRAM)
		from = look_up(g);
	if (!from)
		return;
	/* The guess may run into itself: then it goes on as it began. */
	for (; g->n_draft < most; g->n_draft++)
		g->tokens[g->n_tokens + g->n_draft] = g->tokens[from + g->n_draft];
}

/*
 * Learn from a guess of @n tokens, of which @accepted came true. To check a token
 * takes about half the time of making one, so that guesses that fail must
 * become rare, and those that come true longer.
 */
static void judge_draft(struct llama_draft *d, u32 n, u32 accepted)
{
	if (accepted == n)
		d->next = min(2 * n, d->most);
	else
		d->next = min(accepted + 1, d->most);
	if (accepted) {
		d->misses = 0;
	} else {
		d->misses = min(d->misses + 1, 6u);
		d->wait = (2 << d->misses) - 1;
	}
}

/* Sample from row @row of the logits. Return: bytes written, or -errno. */
static long take_token(struct llama_generation *g, u32 row, char *out)
{
	long token = llama_sample(&g->sampler, g->logits + (size_t)row * g->m->n_vocab,
				  g->m->n_vocab, NULL, g->sample_scratch);

	if (token < 0)
		return token;
	if (llama_vocab_is_eog(&g->m->vocab, token))
		return end(g, out);
	llama_sampler_accept(&g->sampler, token);
	g->tokens[g->n_tokens++] = token;
	return emit(g, token, out);
}

long llama_generation_step(struct llama_generation *g, struct llama_kv *kv, char *out,
			   const struct llama_yield *yield)
{
	u32 n = batch(g), n_draft = g->n_draft;
	bool last = g->n_past + n == g->n_tokens + n_draft;
	long written = 0;
	u32 row;
	int err;

	if (g->done)
		return 0;
	err = llama_forward(g->m, &g->scratch, kv, g->tokens + g->n_past, n, g->n_past,
			    g->logits, last ? n_draft + 1 : 0, yield);
	if (err)
		return err;
	g->n_past += n - n_draft;
	g->n_draft = 0;
	if (!last)
		return 0;
	for (row = 0; ; row++) {
		u32 guess = g->tokens[g->n_tokens];
		u32 n_tokens = g->n_tokens;
		long bytes = take_token(g, row, out + written);

		if (bytes < 0)
			return bytes;
		written += bytes;
		if (g->done || row == n_draft || g->tokens[n_tokens] != guess)
			break;
		g->n_past++;	/* the guess came true, and its keys and values are there */
	}
	g->n_drafted += n_draft;
	g->n_accepted += row;
	if (n_draft)
		judge_draft(&g->draft, n_draft, row);
	if (!g->done)
		plan_draft(g);
	return written;
}

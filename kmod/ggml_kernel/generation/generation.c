// SPDX-License-Identifier: GPL-2.0
#include "generation/generation.h"

/* Return the largest number of bytes that a token completes. */
static size_t staged_size(size_t piece_size)
{
	return 3 * (piece_size + 3) + 4;
}

static void lay_out(struct llama_generation *g, u32 n_ctx, struct llama_arena *arena)
{
	const struct llama_model *m = g->m;

	/* Control tokens have no text. */
	g->piece_size = llama_vocab_max_piece(&m->vocab);
	g->tokens = llama_arena_alloc(arena, n_ctx, sizeof(*g->tokens));
	g->logits = llama_arena_alloc(arena, (size_t)(LLAMA_MAX_DRAFT + 1) * m->n_vocab,
				      sizeof(*g->logits));
	g->sample_scratch = llama_arena_alloc(arena, 1, llama_sampler_scratch(m->n_vocab));
	g->turns = llama_arena_alloc(arena, LLAMA_MAX_TURNS, sizeof(*g->turns));
	g->staged = llama_arena_alloc(arena, 1, staged_size(g->piece_size));
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

void llama_generation_begin(struct llama_generation *g, const struct llama_options *o, u32 n,
			    u32 n_past)
{
	u32 n_ctx = g->scratch.n_ctx;
	u32 i;

	for (i = 0; i < n; i++)
		llama_sampler_accept(&g->sampler, g->tokens[i]);
	memset(&g->utf8, 0, sizeof(g->utf8));
	memset(&g->confidence, 0, sizeof(g->confidence));
	g->n_tokens = n;
	g->n_prompt = n;
	g->n_past = min(n_past, n - 1);	/* the logits of the last token are needed */
	g->n_reused = g->n_past;
	g->n_draft = 0;
	g->n_drafted = 0;
	g->n_accepted = 0;
	llama_draft_init(&g->draft, o->speculate);
	g->n_end = o->max_tokens && o->max_tokens < n_ctx - n ? n + o->max_tokens : n_ctx;
	g->done = false;
	g->line = llama_prompt_template(g->m, o) != LLAMA_CHAT_NONE;
	g->last = 0;
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
	int err;

	g->done = true;
	err = llama_options_check(&g->sampler, &g->stop, o, diag);
	if (err)
		return err;
	n = llama_prompt_tokenize(m, o, text, true, &ids, tmp, yield);
	if (n < 0)
		return n;
	/* An empty text without a template consists of BOS. */
	if (!n)
		ids[n++] = m->vocab.bos != LLAMA_TOKEN_NONE ? m->vocab.bos : 0;
	if (n >= n_ctx)
		return llama_fail(diag, -EMSGSIZE,
				  "the prompt has %ld tokens, the context has room for %u and an answer",
				  n, n_ctx - 1);
	kept = llama_common_prefix(g->tokens, g->n_past, ids, n);
	memcpy(g->tokens, ids, n * sizeof(*ids));
	g->n_turns = 0;
	llama_generation_begin(g, o, n, kept);
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
	size_t token = staged_size(llama_vocab_max_piece(&m->vocab));

	return (LLAMA_MAX_DRAFT + 1) * token + 2 * LLAMA_STOP_BYTES + 1;
}

/* Write staged bytes to @out unless they may begin a stop text. Return: bytes written. */
static size_t release(struct llama_generation *g, size_t n, char *out)
{
	n = llama_stop_push(&g->stop, g->staged, n, out, &g->done);
	if (n)
		g->last = out[n - 1];
	return n;
}

/* End the answer with a newline for terminals. Return: bytes written. */
static size_t end_line(struct llama_generation *g, char *out)
{
	if (!g->line || g->last == '\n')
		return 0;
	*out = '\n';
	return 1;
}

/* End the answer: write the bytes that were held back. Return: bytes written. */
static size_t end(struct llama_generation *g, char *out)
{
	size_t n = release(g, llama_utf8_stream_end(&g->utf8, g->staged), out);

	if (!g->done)
		n += llama_stop_end(&g->stop, out + n);
	if (n)
		g->last = out[n - 1];
	g->done = true;
	return n + end_line(g, out + n);
}

static size_t emit(struct llama_generation *g, u32 token, char *out)
{
	int n = llama_token_piece(&g->m->vocab, token, false, g->piece, g->piece_size);
	size_t whole = llama_utf8_stream_push(&g->utf8, g->piece, max(n, 0), g->staged);
	size_t written = release(g, whole, out);

	if (g->done)
		written += end_line(g, out + written);
	else if (g->n_tokens == g->n_end)
		written += end(g, out + written);
	return written;
}

static u32 plan_draft(struct llama_generation *g)
{
	u32 most = min(g->n_end - g->n_tokens - 1, g->scratch.n_batch - 1);

	return llama_draft_plan(&g->draft, g->tokens, g->n_tokens, most);
}

/* Sample from row @row of the logits. Return: bytes written, or -errno. */
static long take_token(struct llama_generation *g, u32 row, char *out)
{
	const q16 *logits = g->logits + (size_t)row * g->m->n_vocab;
	long token = llama_sample(&g->sampler, logits, g->m->n_vocab, NULL, g->sample_scratch);

	if (token < 0)
		return token;
	llama_confidence_add(&g->confidence, logits, g->m->n_vocab, token);
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
		g->n_past++;	/* accepted: its keys and values are in the cache */
	}
	g->n_drafted += n_draft;
	g->n_accepted += row;
	if (n_draft)
		llama_draft_judge(&g->draft, n_draft, row);
	if (!g->done)
		g->n_draft = plan_draft(g);
	return written;
}

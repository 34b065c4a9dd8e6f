// SPDX-License-Identifier: GPL-2.0
#include "generation.h"

static void lay_out(struct llama_generation *g, u32 n_ctx, struct llama_arena *arena)
{
	const struct llama_model *m = g->m;

	/* Control tokens have no text of their own, but their ids are tokens like any other. */
	g->piece_size = llama_vocab_max_piece(&m->vocab);
	g->tokens = llama_arena_alloc(arena, n_ctx, sizeof(*g->tokens));
	g->logits = llama_arena_alloc(arena, m->n_vocab, sizeof(*g->logits));
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

int llama_generation_prompt(struct llama_generation *g, const struct llama_options *o,
			    struct gguf_str text, void *tmp, const struct llama_yield *yield,
			    struct llama_diag *diag)
{
	const struct llama_model *m = g->m;
	struct llama_chat_turn t = turn(m, o, text);
	u32 n_ctx = g->scratch.n_ctx;
	size_t max_ids, scratch;
	u32 *ids = tmp;
	long n;
	u32 i;
	int err;

	g->done = true;
	err = llama_sampler_init(&g->sampler, &o->sampler, diag);
	if (err)
		return err;
	llama_chat_bounds(&m->vocab, template(m, o), &t, &max_ids, &scratch);
	n = llama_chat_tokenize(&m->vocab, template(m, o), &t, true, ids, max_ids,
				(u8 *)tmp + align_up(max_ids * sizeof(u32)), yield);
	if (n < 0)
		return n;
	/* An empty raw text begins, as training texts do, with whatever the file begins texts with. */
	if (!n)
		ids[n++] = m->vocab.bos != LLAMA_TOKEN_NONE ? m->vocab.bos : 0;
	if (n >= n_ctx)
		return llama_fail(diag, -EMSGSIZE,
				  "the prompt has %ld tokens, the context has room for %u and an answer",
				  n, n_ctx - 1);
	for (i = 0; i < n; i++) {
		g->tokens[i] = ids[i];
		llama_sampler_accept(&g->sampler, ids[i]);
	}
	memset(&g->utf8, 0, sizeof(g->utf8));
	g->n_tokens = n;
	g->n_prompt = n;
	g->n_past = 0;
	g->n_end = o->max_tokens && o->max_tokens < n_ctx - n ? n + o->max_tokens : n_ctx;
	g->done = false;
	g->line = template(m, o) != LLAMA_CHAT_NONE;
	g->last = 0;
	return 0;
}

static u32 batch(const struct llama_generation *g)
{
	return min(g->n_tokens - g->n_past, g->scratch.n_batch);
}

u32 llama_generation_positions(const struct llama_generation *g)
{
	return g->n_past + batch(g);
}

size_t llama_generation_out(const struct llama_model *m)
{
	return 3 * (llama_vocab_max_piece(&m->vocab) + 3) + 4;
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

long llama_generation_step(struct llama_generation *g, struct llama_kv *kv, char *out,
			   const struct llama_yield *yield)
{
	u32 n = batch(g);
	bool last = g->n_past + n == g->n_tokens;
	long token;
	int err;

	if (g->done)
		return 0;
	err = llama_forward(g->m, &g->scratch, kv, g->tokens + g->n_past, n, g->n_past,
			    g->logits, last, yield);
	if (err)
		return err;
	g->n_past += n;
	if (!last)
		return 0;
	token = llama_sample(&g->sampler, g->logits, g->m->n_vocab, NULL, g->sample_scratch);
	if (token < 0)
		return token;
	if (llama_vocab_is_eog(&g->m->vocab, token))
		return end(g, out);
	llama_sampler_accept(&g->sampler, token);
	g->tokens[g->n_tokens++] = token;
	return emit(g, token, out);
}

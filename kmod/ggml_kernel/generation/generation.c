// SPDX-License-Identifier: GPL-2.0
#include "generation/generation.h"

#define LOOK_BACK 8192	/* tokens: what a guess may be made of */
#define N_GRAM 3	/* tokens that must have come before; after fewer, most guesses fail */
#define FIRST_DRAFT 1	/* token of a first guess */

/* Bytes of a token with what the stream before it held back, at the most. */
static size_t staged_size(size_t piece_size)
{
	return 3 * (piece_size + 3) + 4;
}

static void lay_out(struct llama_generation *g, u32 n_ctx, struct llama_arena *arena)
{
	const struct llama_model *m = g->m;

	/* Control tokens have no text of their own, but their ids are tokens like any other. */
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
		     struct gguf_str text, bool first, u32 **ids, void *tmp,
		     const struct llama_yield *yield)
{
	struct llama_chat_turn t = turn(m, o, text);
	size_t max_ids, scratch;

	llama_chat_bounds(&m->vocab, template(m, o), &t, &max_ids, &scratch);
	*ids = tmp;
	return llama_chat_tokenize(&m->vocab, template(m, o), &t, first, tmp, max_ids,
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

	n_a = tokenize(m, &LLAMA_OPTIONS_DEFAULT, head_texts[0], true, &a, tmp, yield);
	if (n_a < 0)
		return n_a;
	n_b = tokenize(m, &LLAMA_OPTIONS_DEFAULT, head_texts[1], true, &b,
		       (u8 *)tmp + llama_head_scratch(m), yield);
	if (n_b < 0)
		return n_b;
	n = common_prefix(a, n_a, b, n_b);
	if (n > max)
		return 0;
	memcpy(ids, a, n * sizeof(*ids));
	return n;
}

int llama_options_check(struct llama_sampler *sampler, struct llama_stop_filter *stop,
			const struct llama_options *o, struct llama_diag *diag)
{
	int err = llama_sampler_init(sampler, &o->sampler, diag);

	if (err)
		return err;
	if (o->speculate > LLAMA_MAX_DRAFT)
		return llama_fail(diag, -EINVAL, "speculate is %u, at most %u", o->speculate,
				  LLAMA_MAX_DRAFT);
	if (llama_stop_begin(stop, &o->stops))
		return llama_fail(diag, -EINVAL, "a stop text has from 1 to %u bytes",
				  LLAMA_STOP_BYTES);
	return 0;
}

/* Answer @n tokens, of which the cache has @n_past. */
static void begin(struct llama_generation *g, const struct llama_options *o, u32 n, u32 n_past)
{
	u32 n_ctx = g->scratch.n_ctx;
	u32 i;

	for (i = 0; i < n; i++)
		llama_sampler_accept(&g->sampler, g->tokens[i]);
	memset(&g->utf8, 0, sizeof(g->utf8));
	memset(&g->confidence, 0, sizeof(g->confidence));
	g->n_tokens = n;
	g->n_prompt = n;
	g->n_past = min(n_past, n - 1);	/* the last one's logits are wanted in any case */
	g->n_reused = g->n_past;
	g->n_draft = 0;
	g->n_drafted = 0;
	g->n_accepted = 0;
	g->draft = (struct llama_draft){
		.most = o->speculate,
		.next = min_t(u32, o->speculate, FIRST_DRAFT),
	};
	g->n_end = o->max_tokens && o->max_tokens < n_ctx - n ? n + o->max_tokens : n_ctx;
	g->done = false;
	g->line = template(g->m, o) != LLAMA_CHAT_NONE;
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
	n = tokenize(m, o, text, true, &ids, tmp, yield);
	if (n < 0)
		return n;
	/* An empty raw text begins, as training texts do, with whatever the file begins texts with. */
	if (!n)
		ids[n++] = m->vocab.bos != LLAMA_TOKEN_NONE ? m->vocab.bos : 0;
	if (n >= n_ctx)
		return llama_fail(diag, -EMSGSIZE,
				  "the prompt has %ld tokens, the context has room for %u and an answer",
				  n, n_ctx - 1);
	kept = common_prefix(g->tokens, g->n_past, ids, n);
	memcpy(g->tokens, ids, n * sizeof(*ids));
	g->n_turns = 0;
	begin(g, o, n, kept);
	return 0;
}

/* Bytes that tokenizing a text takes, at the most, for texts of up to @len bytes. */
static size_t text_scratch(const struct llama_generation *g, const struct llama_options *o,
			   const char *texts, size_t len)
{
	return align_up(llama_prompt_scratch(g->m, o, (struct gguf_str){ texts, len }));
}

size_t llama_turn_scratch(const struct llama_generation *g, const struct llama_options *o,
			  const char *texts, size_t n_texts)
{
	return align_up(g->scratch.n_ctx * sizeof(u32)) + 2 * text_scratch(g, o, texts, n_texts);
}

/* Tokens that an answer shall have room for before older turns are dropped. */
static u32 reserve(const struct llama_generation *g, const struct llama_options *o)
{
	u32 quarter = g->scratch.n_ctx / 4;

	return max(o->max_tokens && o->max_tokens < quarter ? o->max_tokens : quarter, 1u);
}

/*
 * The oldest turn @first that can stay, as a dialogue that begins with it: its tokens
 * at @all, without the @n new ones. Return: how many; 0 where none can stay.
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
		n_head = tokenize(g->m, o, text, true, &head, tmp, yield);
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

/* Forget the turns before @first, which has its tokens and those behind it at @all. */
static void drop(struct llama_generation *g, u32 first, const u32 *all, u32 n)
{
	u32 i;

	for (i = first; i < g->n_turns; i++) {
		g->turns[i - first] = g->turns[i];
		g->turns[i - first].answer -= g->n_tokens - n;
	}
	g->n_turns -= first;
	g->n_past = common_prefix(g->tokens, g->n_past, all, n);
	memcpy(g->tokens, all, n * sizeof(*all));
	g->n_tokens = n;
}

static void note_turn(struct llama_generation *g, size_t at, size_t n_texts)
{
	g->turns[g->n_turns++] = (struct llama_turn){ g->n_tokens, n_texts - at, at };
}

/* A dialogue begins, or begins anew. */
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
	void *tmp_new = (u8 *)tmp + align_up(g->scratch.n_ctx * sizeof(u32));
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
	n = tokenize(g->m, o, text, false, &ids, tmp_new, yield);
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
	begin(g, o, g->n_tokens + n, g->n_past);
note:
	if (!err)
		note_turn(g, at, n_texts);
	return err;
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

/* Staged bytes to the reader, as far as they cannot be the beginning of a stop text. */
static size_t release(struct llama_generation *g, size_t n, char *out)
{
	n = llama_stop_push(&g->stop, g->staged, n, out, &g->done);
	if (n)
		g->last = out[n - 1];
	return n;
}

/* The newline that a terminal wants. */
static size_t end_line(struct llama_generation *g, char *out)
{
	if (!g->line || g->last == '\n')
		return 0;
	*out = '\n';
	return 1;
}

/* The answer is over: what was held back, unless a stop text comes of it. */
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

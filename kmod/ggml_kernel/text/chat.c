// SPDX-License-Identifier: GPL-2.0
/*
 * A template consists of short programs of steps. Plain text, literals and the
 * caller's texts, is collected in a buffer up to the next control token. The
 * tokenizer therefore gets each stretch between two control tokens as a whole, as in
 * the rendered text, but does not search it for control tokens.
 */
#include "text/chat.h"
#include "text/utf8.h"

#define MAX_TEMPLATE (1u << 20)
#define MAX_MARKERS 16		/* control tokens of a turn, BOS and EOS among them */

enum op {
	OP_END,
	OP_TEXT,
	OP_MARKER,	/* a control token if the vocabulary has it, otherwise text */
	OP_BOS,
	OP_EOS,
	OP_SYSTEM,
	OP_USER,
	OP_TRIM_FROM,	/* begin to trim white space */
	OP_TRIM,	/* end to trim */
};

struct step {
	u8 op;
	u8 len;
	const char *text;
};

#define LITERAL(op, s) { op, sizeof(s) - 1, s }
#define TEXT(s) LITERAL(OP_TEXT, s)
#define MARKER(s) LITERAL(OP_MARKER, s)
#define STEP(op) { op, 0, NULL }
#define MAX_STEPS 16

/*
 * @begins_with_bos: The template writes BOS, regardless of the vocabulary.
 * @close:  Steps that end the previous answer.
 * @before: Steps before the system prompt or the first turn.
 * @system: Steps for a system prompt.
 * @user:   Steps for the user's text and the head of the answer.
 */
struct family {
	const char *name;
	bool begins_with_bos;
	struct step close[MAX_STEPS];
	struct step before[MAX_STEPS];
	struct step system[MAX_STEPS];
	struct step user[MAX_STEPS];
};

static const struct family families[] = {
	[LLAMA_CHAT_NONE] = {
		.name = "none",
		.system = { STEP(OP_SYSTEM), TEXT("\n\n") },
		.user = { STEP(OP_USER) },
	},
	[LLAMA_CHAT_CHATML] = {
		.name = "chatml",
		.close = { MARKER("<|im_end|>"), TEXT("\n") },
		.system = {
			MARKER("<|im_start|>"), TEXT("system\n"), STEP(OP_SYSTEM),
			MARKER("<|im_end|>"), TEXT("\n"),
		},
		.user = {
			MARKER("<|im_start|>"), TEXT("user\n"), STEP(OP_USER),
			MARKER("<|im_end|>"), TEXT("\n"),
			MARKER("<|im_start|>"), TEXT("assistant\n"),
		},
	},
	[LLAMA_CHAT_ZEPHYR] = {
		.name = "zephyr",
		.close = { STEP(OP_EOS), TEXT("\n") },
		.system = {
			MARKER("<|system|>"), TEXT("\n"), STEP(OP_SYSTEM),
			STEP(OP_EOS), TEXT("\n"),
		},
		.user = {
			MARKER("<|user|>"), TEXT("\n"), STEP(OP_USER),
			STEP(OP_EOS), TEXT("\n"),
			MARKER("<|assistant|>"), TEXT("\n"),
		},
	},
	[LLAMA_CHAT_LLAMA2] = {
		.name = "llama-2",
		.begins_with_bos = true,
		.close = { TEXT(" "), STEP(OP_EOS), STEP(OP_BOS) },
		.before = { MARKER("[INST]"), TEXT(" "), STEP(OP_TRIM_FROM) },
		.system = { TEXT("<<SYS>>\n"), STEP(OP_SYSTEM), TEXT("\n<</SYS>>\n\n") },
		.user = { STEP(OP_USER), STEP(OP_TRIM), TEXT(" "), MARKER("[/INST]") },
	},
	[LLAMA_CHAT_LLAMA3] = {
		.name = "llama-3",
		.begins_with_bos = true,
		.close = { MARKER("<|eot_id|>") },
		.system = {
			MARKER("<|start_header_id|>"), TEXT("system"),
			MARKER("<|end_header_id|>"), TEXT("\n\n"),
			STEP(OP_TRIM_FROM), STEP(OP_SYSTEM), STEP(OP_TRIM),
			MARKER("<|eot_id|>"),
		},
		.user = {
			MARKER("<|start_header_id|>"), TEXT("user"),
			MARKER("<|end_header_id|>"), TEXT("\n\n"),
			STEP(OP_TRIM_FROM), STEP(OP_USER), STEP(OP_TRIM),
			MARKER("<|eot_id|>"),
			MARKER("<|start_header_id|>"), TEXT("assistant"),
			MARKER("<|end_header_id|>"), TEXT("\n\n"),
		},
	},
};

const char *llama_chat_name(enum llama_chat_template t)
{
	return (u32)t < ARRAY_SIZE(families) ? families[t].name : "unknown";
}

int llama_chat_by_name(const char *name)
{
	u32 t, i;

	for (t = 0; t < ARRAY_SIZE(families); t++) {
		for (i = 0; name[i] && name[i] == families[t].name[i]; i++)
			;
		if (name[i] == families[t].name[i])
			return t;
	}
	return -EINVAL;
}

/* Return the length of @what (NUL-terminated) if it is in @s at @at, otherwise 0. */
static u32 stands_at(struct gguf_str s, u32 at, const char *what)
{
	u32 k;

	for (k = 0; what[k] && k < s.len - at && s.data[at + k] == what[k]; k++)
		;
	return what[k] ? 0 : k;
}

/* Return the end of the first @what in @s at or behind @from; 0 if there is none. */
static u32 find(struct gguf_str s, u32 from, const char *what)
{
	u32 i, k;

	for (i = from; i < s.len; i++) {
		k = stands_at(s, i, what);
		if (k)
			return i + k;
	}
	return 0;
}

static bool has(struct gguf_str s, const char *what)
{
	return find(s, 0, what);
}

/* Tell whether a character belongs to jinja's syntax: a quote, a brace, an escape. */
static bool is_syntax(char c)
{
	return c == '\'' || c == '"' || c == '\\' || c == '{' || c == '}';
}

/*
 * Find the text between "<|im_start|>system" with a line end (or jinja's escape for it) and
 * "<|im_end|>", if the template holds it literally and without an apostrophe.
 */
static struct gguf_str chatml_default_system(struct gguf_str s)
{
	struct gguf_str text = { NULL, 0 };
	u32 start, at = 0;

	while ((at = find(s, at, "<|im_start|>system"))) {
		start = at + (stands_at(s, at, "\n") ?: stands_at(s, at, "\\n"));
		if (start == at)
			continue;
		for (at = start; at < s.len; at++)
			if (s.data[at] == '<' || is_syntax(s.data[at]))
				break;
		if (at > start && stands_at(s, at, "<|im_end|>")) {
			text.data = s.data + start;
			text.len = at - start;
			break;
		}
	}
	return text;
}

enum llama_chat_template llama_chat_detect(const struct gguf *g,
					   struct gguf_str *default_system)
{
	struct gguf_str s;

	*default_system = (struct gguf_str){ NULL, 0 };
	if (llama_gguf_get_str(g, "tokenizer.chat_template", &s, NULL) || s.len > MAX_TEMPLATE)
		return LLAMA_CHAT_NONE;
	if (has(s, "<|im_start|>") && has(s, "<|im_end|>")) {
		*default_system = chatml_default_system(s);
		return LLAMA_CHAT_CHATML;
	}
	if (has(s, "<|start_header_id|>") && has(s, "<|eot_id|>"))
		return LLAMA_CHAT_LLAMA3;
	if (has(s, "<|user|>") && has(s, "<|assistant|>") && has(s, "eos_token"))
		return LLAMA_CHAT_ZEPHYR;
	if (has(s, "[INST]") && has(s, "<<SYS>>"))
		return LLAMA_CHAT_LLAMA2;
	return LLAMA_CHAT_NONE;
}

static const struct family *family(enum llama_chat_template t)
{
	return &families[(u32)t < ARRAY_SIZE(families) ? t : LLAMA_CHAT_NONE];
}

static size_t literal_bytes(const struct step *step)
{
	size_t n = 0;

	for (; step->op != OP_END; step++)
		n += step->len;
	return n;
}

/* Return the largest number of bytes of a turn. */
static size_t text_bytes(const struct family *f, const struct llama_chat_turn *turn)
{
	return literal_bytes(f->close) + literal_bytes(f->before) + literal_bytes(f->system) +
	       literal_bytes(f->user) + turn->system.len + (size_t)turn->user.len;
}

/*
 * @text:  (n,) plain text that is not yet tokenized.
 * @from:  Index at which trimming begins.
 * @fresh: @text follows a control token or begins the dialogue, so that the tokenizer may put
 *   a space in front of it.
 */
struct writer {
	const struct llama_vocab *v;
	const struct llama_chat_turn *turn;
	const struct llama_yield *yield;
	u32 *ids;
	size_t max_ids;
	size_t n_ids;
	char *text;
	size_t n;
	size_t from;
	bool fresh;
	void *scratch;
};

/* Return the bytes of the text buffer; the tokenizer's scratch memory follows it. */
static size_t buffer_bytes(const struct family *f, const struct llama_chat_turn *turn)
{
	size_t n = text_bytes(f, turn);

	return (n + LLAMA_ALIGN - 1) / LLAMA_ALIGN * LLAMA_ALIGN;
}

void llama_chat_bounds(const struct llama_vocab *v, enum llama_chat_template t,
		       const struct llama_chat_turn *turn, size_t *max_tokens, size_t *scratch)
{
	const struct family *f = family(t);
	size_t empty, unused;

	/* Each stretch may have a space prefix. */
	llama_tokenize_bounds(v, 0, &empty, &unused);
	/* Markers are tokenized too, and may be longer than the turn. */
	llama_tokenize_bounds(v, text_bytes(f, turn) + U8_MAX, max_tokens, scratch);
	*max_tokens += (MAX_MARKERS + 1) * (empty + 1);
	*scratch += buffer_bytes(f, turn);
}

static void append(struct writer *w, const char *s, size_t n)
{
	if (n)
		memcpy(w->text + w->n, s, n);
	w->n += n;
}

/* White space of Python's str.strip(). */
static bool is_space(u32 cp)
{
	return (cp >= 0x09 && cp <= 0x0D) || (cp >= 0x1C && cp <= 0x20) || cp == 0x85 ||
	       cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 ||
	       cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

/* Return the bytes of the white space character that ends a text; at most 3. */
static size_t last_space(const char *s, size_t n)
{
	u32 cp;
	int k;

	for (k = 1; k <= 3 && (size_t)k <= n; k++)
		if (llama_utf8_decode(s + n - k, k, &cp) == k)
			return is_space(cp) ? k : 0;
	return 0;
}

static void trim(struct writer *w)
{
	char *s = w->text + w->from;
	size_t n = w->n - w->from;
	size_t lead = 0;
	size_t k;
	u32 cp;
	int used;

	while ((k = last_space(s, n)))
		n -= k;
	while (lead < n) {
		used = llama_utf8_decode(s + lead, n - lead, &cp);
		if (used < 0 || !is_space(cp))
			break;
		lead += used;
	}
	memmove(s, s + lead, n - lead);
	w->n = w->from + n - lead;
}

static int flush(struct writer *w)
{
	long n;

	if (!w->n)
		return 0;
	n = llama_tokenize(w->v, w->text, w->n, w->fresh ? 0 : LLAMA_TOKENIZE_CONT,
			   w->ids + w->n_ids, w->max_ids - w->n_ids, w->scratch, w->yield);
	if (n < 0)
		return n;
	w->n_ids += n;
	w->n = 0;
	return 0;
}

static int put_control(struct writer *w, u32 id)
{
	int err;

	if (id == LLAMA_TOKEN_NONE)
		return 0;
	err = flush(w);
	if (err)
		return err;
	if (w->n_ids == w->max_ids)
		return -ENOSPC;
	w->ids[w->n_ids++] = id;
	w->fresh = true;
	return 0;
}

/* Return the control token that @step spells, or LLAMA_TOKEN_NONE. */
static u32 marker(struct writer *w, const struct step *step)
{
	u32 id;

	if (llama_tokenize(w->v, step->text, step->len,
			   LLAMA_TOKENIZE_SPECIAL | LLAMA_TOKENIZE_CONT, &id, 1, w->scratch,
			   NULL) != 1)
		return LLAMA_TOKEN_NONE;
	return llama_vocab_is_control(w->v, id) ? id : LLAMA_TOKEN_NONE;
}

static int put_marker(struct writer *w, const struct step *step)
{
	u32 id = marker(w, step);

	if (id != LLAMA_TOKEN_NONE)
		return put_control(w, id);
	append(w, step->text, step->len);
	return 0;
}

static int run_step(struct writer *w, const struct step *step)
{
	switch (step->op) {
	case OP_TEXT:
		append(w, step->text, step->len);
		return 0;
	case OP_MARKER:
		return put_marker(w, step);
	case OP_BOS:
		return put_control(w, w->v->bos);
	case OP_EOS:
		return put_control(w, w->v->eos);
	case OP_SYSTEM:
		append(w, w->turn->system.data, w->turn->system.len);
		return 0;
	case OP_USER:
		append(w, w->turn->user.data, w->turn->user.len);
		return 0;
	case OP_TRIM_FROM:
		w->from = w->n;
		return 0;
	case OP_TRIM:
		trim(w);
		return 0;
	}
	return -EINVAL;
}

static int run(struct writer *w, const struct step *step)
{
	int err = 0;

	for (; !err && step->op != OP_END; step++)
		err = run_step(w, step);
	return err;
}

static int begin(struct writer *w, const struct family *f, bool first)
{
	if (!first)
		return run(w, f->close);
	if (f->begins_with_bos || w->v->add_bos)
		return put_control(w, w->v->bos);
	return 0;
}

long llama_chat_tokenize(const struct llama_vocab *v, enum llama_chat_template t,
			 const struct llama_chat_turn *turn, bool first, u32 *ids,
			 size_t max_ids, void *scratch, const struct llama_yield *yield)
{
	const struct family *f = family(t);
	struct writer w = {
		.v = v, .turn = turn, .yield = yield, .ids = ids, .max_ids = max_ids,
		.fresh = first, .text = scratch,
		.scratch = (u8 *)scratch + buffer_bytes(f, turn),
	};
	int err;

	err = begin(&w, f, first);
	if (!err)
		err = run(&w, f->before);
	if (!err && first && turn->system.data)
		err = run(&w, f->system);
	if (!err)
		err = run(&w, f->user);
	if (!err)
		err = flush(&w);
	return err ? err : (long)w.n_ids;
}

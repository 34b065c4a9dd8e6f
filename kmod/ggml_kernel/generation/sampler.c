// SPDX-License-Identifier: GPL-2.0
/* Sampling as docs/sampling.md specifies it. */
#include "generation/sampler.h"
#include "arithmetic/generated/constants.h"

#define Q16_ONE (1u << 16)
#define DIGIT_BITS 11
#define DIGITS (1u << DIGIT_BITS)

/*
 * A token that may be chosen. @v is its logit (Q16, as s32), later the difference of the
 * largest logit to it (Q16), later its weight (Q30).
 */
struct candidate {
	u32 id;
	u32 v;
};

struct workspace {
	u32 *count;			/* (DIGITS,) */
	struct candidate *c;		/* (n_vocab,) in the order of ids, then ranked */
	struct candidate *spare;	/* (n_vocab,) output of a pass of the sort */
};

static void carve(struct workspace *ws, struct llama_arena *arena, u32 n_vocab)
{
	ws->count = llama_arena_alloc(arena, DIGITS, sizeof(*ws->count));
	ws->c = llama_arena_alloc(arena, n_vocab, sizeof(*ws->c));
	ws->spare = llama_arena_alloc(arena, n_vocab, sizeof(*ws->spare));
}

size_t llama_sampler_scratch(u32 n_vocab)
{
	struct llama_arena arena = { NULL, 0, 0 };
	struct workspace ws;

	carve(&ws, &arena, n_vocab);
	return arena.used;
}

int llama_sampler_init(struct llama_sampler *s, const struct llama_sampler_params *p,
		       struct llama_diag *diag)
{
	if (p->temperature > 16 * Q16_ONE)
		return llama_fail(diag, -EINVAL, "temperature must be from 0 to 16");
	if (p->top_p < 1 || p->top_p > Q16_ONE)
		return llama_fail(diag, -EINVAL, "top_p must be above 0 and at most 1");
	if (p->min_p > Q16_ONE)
		return llama_fail(diag, -EINVAL, "min_p must be from 0 to 1");
	if (p->repeat_penalty < Q16_ONE / 2 || p->repeat_penalty > 16 * Q16_ONE)
		return llama_fail(diag, -EINVAL, "repeat_penalty must be from 0.5 to 16");

	memset(s, 0, sizeof(*s));
	s->params = *p;
	s->state = p->seed;
	return 0;
}

void llama_sampler_accept(struct llama_sampler *s, u32 token)
{
	s->recent[s->n_recent++ % LLAMA_REPEAT_WINDOW] = token;
}

/* Write the candidates and their logits to @c in ascending order of ids. Return: their number. */
static u32 gather(struct candidate *c, const q16 *logits, u32 n_vocab, const u64 *mask)
{
	u32 n_words = (n_vocab + 63) / 64;
	u32 n = 0;
	u32 id, i;
	u64 word;

	if (!mask) {
		for (id = 0; id < n_vocab; id++)
			c[id] = (struct candidate){ id, (u32)logits[id] };
		return n_vocab;
	}
	for (i = 0; i < n_words; i++) {
		for (word = mask[i]; word; word &= word - 1) {
			id = i * 64 + (u32)__builtin_ctzll(word);
			if (id < n_vocab)
				c[n++] = (struct candidate){ id, (u32)logits[id] };
		}
	}
	return n;
}

static struct candidate *find(struct candidate *c, u32 n, u32 id)
{
	u32 lo = 0;

	while (lo < n) {
		u32 mid = lo + (n - lo) / 2;

		if (c[mid].id == id)
			return &c[mid];
		if (c[mid].id < id)
			lo = mid + 1;
		else
			n = mid;
	}
	return NULL;
}

static q16 penalized(q16 logit, u32 penalty)
{
	s64 l = logit;

	if (l >= 0)
		l = (s64)((((u64)l << 16) + (penalty >> 1)) / penalty);
	else
		l = shift_round(l * (s64)penalty, 16);
	return (q16)clamp_t(s64, l, S32_MIN, S32_MAX);
}

/* A token that occurs twice is penalized once: both times from its original logit. */
static void penalize(const struct llama_sampler *s, const q16 *logits,
		     struct candidate *c, u32 n)
{
	u32 n_recent = (u32)min_t(u64, s->n_recent, LLAMA_REPEAT_WINDOW);
	struct candidate *hit;
	u32 i;

	if (s->params.repeat_penalty == Q16_ONE)
		return;
	for (i = 0; i < n_recent; i++) {
		hit = find(c, n, s->recent[i]);
		if (hit)
			hit->v = (u32)penalized(logits[hit->id], s->params.repeat_penalty);
	}
}

/* Return the index of the largest logit, the first of equal ones. @n is not 0. */
static u32 largest(const struct candidate *c, u32 n)
{
	q16 max = (q16)c[0].v;
	u32 best = 0;
	u32 i;

	for (i = 1; i < n; i++) {
		if ((q16)c[i].v > max) {
			max = (q16)c[i].v;
			best = i;
		}
	}
	return best;
}

/* Replace logits by their differences to @max. */
static void subtract_from(q16 max, struct candidate *c, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		c[i].v = (u32)max - c[i].v;
}

/* Keep the differences of at most @limit, in their order. */
static u32 narrow(struct candidate *c, u32 n, u32 limit)
{
	u32 kept = 0;
	u32 i;

	for (i = 0; i < n; i++) {
		c[kept] = c[i];
		kept += c[kept].v <= limit;
	}
	return kept;
}

/* Return a difference that at least the first @k of the ranking do not exceed. */
static u32 limit_for_top_k(const struct candidate *c, u32 n, u32 k, u32 limit, u32 *count)
{
	int shift = max(bit_length(limit) - DIGIT_BITS, 0);
	u32 seen = 0;
	u32 i;

	memset(count, 0, DIGITS * sizeof(*count));
	for (i = 0; i < n; i++)
		count[c[i].v >> shift]++;
	for (i = 0; i < DIGITS; i++) {
		seen += count[i];
		if (seen >= k)
			return (u32)min_t(u64, ((u64)(i + 1) << shift) - 1, limit);
	}
	return limit;
}

/* Make a pass of the stable radix sort. */
static void sort_by_digit(const struct candidate *from, struct candidate *to, u32 n, int shift,
			  u32 *count)
{
	u32 at = 0;
	u32 i, here;

	memset(count, 0, DIGITS * sizeof(*count));
	for (i = 0; i < n; i++)
		count[from[i].v >> shift & (DIGITS - 1)]++;
	for (i = 0; i < DIGITS; i++) {
		here = count[i];
		count[i] = at;
		at += here;
	}
	for (i = 0; i < n; i++)
		to[count[from[i].v >> shift & (DIGITS - 1)]++] = from[i];
}

/* Sort by difference, then by id. */
static struct candidate *rank(struct workspace *ws, u32 n, u32 limit)
{
	struct candidate *from = ws->c;
	struct candidate *to = ws->spare;
	int shift;

	for (shift = 0; shift < bit_length(limit); shift += DIGIT_BITS) {
		struct candidate *sorted = to;

		sort_by_digit(from, to, n, shift, ws->count);
		to = from;
		from = sorted;
	}
	return from;
}

/*
 * Replace differences by weights up to the first that is below min-p; @c is sorted. Return: the
 * number of candidates that are left.
 */
static u32 weigh(struct candidate *c, u32 n, u64 scale, u32 min_p, u64 *sum)
{
	u32 least = min_p << 14;
	u32 i, w;

	*sum = 0;
	for (i = 0; i < n; i++) {
		w = (u32)llama_exp2_neg((c[i].v * scale) >> 36);
		if (w < least)
			break;
		c[i].v = w;
		*sum += w;
	}
	return i;
}

/* Return the smallest number of candidates with @top_p of @sum. Set @sum to their sum. */
static u32 nucleus(const struct candidate *c, u32 n, u32 top_p, u64 *sum)
{
	u64 target = (*sum >> 16) * top_p +
		     (((*sum & (Q16_ONE - 1)) * top_p + (Q16_ONE - 1)) >> 16);
	u64 running = 0;
	u32 i;

	for (i = 0; i < n && running < target; i++)
		running += c[i].v;
	*sum = running;
	return i;
}

static u64 next_random(struct llama_sampler *s)
{
	u64 z;

	s->state += 0x9E3779B97F4A7C15ull;
	z = s->state;
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

static u32 draw(struct llama_sampler *s, const struct candidate *c, u32 n, u64 sum)
{
	u64 at = (u64)(((__uint128_t)next_random(s) * sum) >> 64);
	u64 running = 0;
	u32 i;

	for (i = 0; i + 1 < n; i++) {
		running += c[i].v;
		if (running > at)
			break;
	}
	return c[i].id;
}

static u32 sample_warm(struct llama_sampler *s, struct workspace *ws, u32 n, q16 max)
{
	const struct llama_sampler_params *p = &s->params;
	u64 scale = ((u64)LOG2E_Q30 << 26) / p->temperature;
	u32 limit = (u32)((31ull << 56) / scale);
	struct candidate *c;
	u64 sum;

	subtract_from(max, ws->c, n);
	n = narrow(ws->c, n, limit);
	if (p->top_k && p->top_k < n) {
		limit = limit_for_top_k(ws->c, n, p->top_k, limit, ws->count);
		n = narrow(ws->c, n, limit);
	}
	c = rank(ws, n, limit);
	if (p->top_k && p->top_k < n)
		n = p->top_k;
	n = weigh(c, n, scale, p->min_p, &sum);
	n = nucleus(c, n, p->top_p, &sum);
	return draw(s, c, n, sum);
}

long llama_sample(struct llama_sampler *s, const q16 *logits, u32 n_vocab,
		  const u64 *mask, void *scratch)
{
	struct llama_arena arena = { scratch, llama_sampler_scratch(n_vocab), 0 };
	struct workspace ws;
	u32 n, best;

	carve(&ws, &arena, n_vocab);
	n = gather(ws.c, logits, n_vocab, mask);
	if (!n)
		return -ENOENT;
	penalize(s, logits, ws.c, n);
	best = largest(ws.c, n);
	if (!s->params.temperature)
		return ws.c[best].id;
	return sample_warm(s, &ws, n, (q16)ws.c[best].v);
}

/* 5^17: a fraction of 17 decimals divided by it counts 2^-17ths, exactly. */
#define FIVE_TO_17 762939453125ull

int llama_parse_q16(const char *text, size_t n, u32 *v)
{
	u64 fraction = 0;
	u32 whole = 0;
	int decimals = -1;	/* no point so far */
	bool digits = false;
	size_t i;

	for (i = 0; i < n; i++) {
		u32 digit = (u8)text[i] - '0';

		if (text[i] == '.' && decimals < 0) {
			decimals = 0;
			continue;
		}
		if (digit > 9)
			return -EINVAL;
		digits = true;
		if (decimals < 0) {
			whole = whole * 10 + digit;
			if (whole > S16_MAX)
				return -EINVAL;
		} else if (decimals < 17) {
			fraction = fraction * 10 + digit;
			decimals++;
		}
	}
	if (!digits)
		return -EINVAL;
	for (decimals = max(decimals, 0); decimals < 17; decimals++)
		fraction *= 10;
	*v = (whole << 16) + (u32)((fraction / FIVE_TO_17 + 1) >> 1);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/* A file's vocabulary and chat template for ctypes: harness/core/chat.py. */
#include <stdlib.h>

#include "llama_core.h"
#include "load.h"

struct llamuxu_chat {
	struct gguf g;
	struct llama_vocab v;
	void *index;
	void *arena;
};

void llamuxu_chat_close(struct llamuxu_chat *c)
{
	if (!c)
		return;
	free(c->index);
	free(c->arena);
	free(c);
}

static int open_file(struct llamuxu_chat *c, const void *data, u64 size, struct llama_diag *diag)
{
	struct llama_arena arena = { 0 };
	size_t need;
	int err;

	err = llama_gguf_index_size(data, size, &need, diag);
	if (err)
		return err;
	c->index = llamuxu_alloc(need);
	if (!c->index)
		return -ENOMEM;
	err = llama_gguf_parse(&c->g, data, size, c->index, need, diag);
	if (!err)
		err = llama_vocab_size(&c->g, &arena.size, diag);
	if (err)
		return err;
	arena.base = c->arena = llamuxu_alloc(arena.size);
	if (!c->arena)
		return -ENOMEM;
	return llama_vocab_init(&c->v, &c->g, &arena, NULL, diag);
}

/* @data must outlive the result. Return: NULL with *@err set on failure. */
struct llamuxu_chat *llamuxu_chat_open(const void *data, u64 size, int *err,
				       struct llama_diag *diag)
{
	struct llamuxu_chat *c = calloc(1, sizeof(*c));

	*err = c ? open_file(c, data, size, diag) : -ENOMEM;
	if (*err) {
		llamuxu_chat_close(c);
		return NULL;
	}
	return c;
}

/* Return: the family; *@text, *@n: the default system prompt, inside the image. */
int llamuxu_chat_detect(const struct llamuxu_chat *c, const char **text, u32 *n)
{
	struct gguf_str s;
	int t = (int)llama_chat_detect(&c->g, &s);

	*text = s.data;
	*n = s.len;
	return t;
}

const char *llamuxu_chat_name(int t)
{
	return llama_chat_name(t);
}

int llamuxu_chat_by_name(const char *name)
{
	return llama_chat_by_name(name);
}

/* See llama_chat_tokenize(); ids and scratch have the sizes of llama_chat_bounds(). */
long llamuxu_chat_tokenize(const struct llamuxu_chat *c, int t, const char *system, u32 n_system,
			   const char *user, u32 n_user, int first, u32 *ids, size_t max_ids)
{
	struct llama_chat_turn turn = { { system, n_system }, { user, n_user } };
	size_t most, scratch;
	void *memory;
	long n;

	llama_chat_bounds(&c->v, t, &turn, &most, &scratch);
	memory = llamuxu_alloc(scratch);
	if (!memory)
		return -ENOMEM;
	n = llama_chat_tokenize(&c->v, t, &turn, first, ids, min(most, max_ids), memory, NULL);
	free(memory);
	return n;
}

/* llama_tokenize(), for comparison. */
long llamuxu_chat_plain(const struct llamuxu_chat *c, const char *text, size_t n, u32 flags,
			u32 *ids, size_t max_ids)
{
	size_t most, scratch;
	void *memory;
	long k;

	llama_tokenize_bounds(&c->v, n, &most, &scratch);
	memory = llamuxu_alloc(scratch);
	if (!memory)
		return -ENOMEM;
	k = llama_tokenize(&c->v, text, n, flags, ids, min(most, max_ids), memory, NULL);
	free(memory);
	return k;
}

struct hook {
	u32 calls;
	u32 stop_at;
};

static int count(void *arg)
{
	struct hook *hook = arg;

	return ++hook->calls == hook->stop_at ? -EINTR : 0;
}

/* llama_tokenize() with a hook that counts its calls and stops at one of them. */
long llamuxu_chat_yields(const struct llamuxu_chat *c, const char *text, size_t n, u32 stop_at,
			 u32 *calls)
{
	struct hook hook = { .stop_at = stop_at };
	struct llama_yield yield = { count, &hook };
	size_t most, scratch;
	void *memory;
	u32 *ids;
	long k = -ENOMEM;

	llama_tokenize_bounds(&c->v, n, &most, &scratch);
	memory = llamuxu_alloc(scratch);
	ids = llamuxu_alloc(most * sizeof(*ids));
	if (memory && ids)
		k = llama_tokenize(&c->v, text, n, 0, ids, most, memory, &yield);
	free(memory);
	free(ids);
	*calls = hook.calls;
	return k;
}

int llamuxu_chat_piece(const struct llamuxu_chat *c, u32 id, char *out, size_t size)
{
	return llama_token_piece(&c->v, id, true, out, size);
}

int llamuxu_chat_is_control(const struct llamuxu_chat *c, u32 id)
{
	return llama_vocab_is_control(&c->v, id);
}

int llamuxu_chat_strips_space(const struct llamuxu_chat *c)
{
	return llama_vocab_strips_space(&c->v);
}

u32 llamuxu_chat_n_vocab(const struct llamuxu_chat *c)
{
	return c->v.n_vocab;
}

// SPDX-License-Identifier: GPL-2.0
/* Distribution of a loop's rounds among workers. */
#include "base/team.h"

int llama_team_run(struct llama_team *team, const struct llama_loop *loop,
		   const struct llama_yield *yield)
{
	u32 i;
	int err;

	if (team)
		return team->run(team, loop, yield);
	for (i = 0; i < loop->n; i++) {
		loop->fn(loop->arg, i, 0);
		err = llama_yield(yield);
		if (err)
			return err;
	}
	return 0;
}

static u32 left(s64 state)
{
	return state;
}

void llama_rounds_open(struct llama_rounds *r, const struct llama_loop *loop, u32 n_workers)
{
	u64 serial = ((u64)atomic64_read_acquire(&r->state) >> 32) + 1;

	/* A late helper may read these fields, but its exchange of @state fails. */
	WRITE_ONCE(r->loop.fn, loop->fn);
	WRITE_ONCE(r->loop.arg, loop->arg);
	WRITE_ONCE(r->loop.n, loop->n);
	WRITE_ONCE(r->n_workers, n_workers);
	WRITE_ONCE(r->share, loop->n / n_workers + 1);
	WRITE_ONCE(r->own, 0);
	atomic64_set_release(&r->helped, 0);
	atomic64_set_release(&r->state, serial << 32 | loop->n);
}

/* Take a round @i for the caller. Return: false if none is left. */
static bool take(struct llama_rounds *r, u32 *i)
{
	s64 state = atomic64_read_acquire(&r->state);

	do {
		if (!left(state))
			return false;
		*i = r->loop.n - left(state);
	} while (!atomic64_try_cmpxchg(&r->state, &state, state - 1));
	WRITE_ONCE(r->own, r->own + 1);
	return true;
}

int llama_rounds_work(struct llama_rounds *r, const struct llama_yield *yield)
{
	u32 dropped = 0;
	int err = 0;
	u32 i;

	while (!err && take(r, &i)) {
		r->loop.fn(r->loop.arg, i, 0);
		err = llama_yield(yield);
	}
	if (err)
		dropped = left(atomic64_fetch_and(~(s64)U32_MAX, &r->state));
	r->awaited = r->loop.n - dropped - r->own;
	return err;
}

bool llama_rounds_done(const struct llama_rounds *r)
{
	return atomic64_read_acquire(&r->helped) == r->awaited;
}

/* See llama_rounds_wanted(). Sets the @loop that was examined, at *@state. */
static bool look(const struct llama_rounds *r, struct llama_helper *h, struct llama_loop *loop,
		 s64 *state)
{
	u32 serial;

	*state = atomic64_read_acquire(&r->state);
	if (!left(*state) || h->worker >= READ_ONCE(r->n_workers))
		return false;
	serial = (u64)*state >> 32;
	if (h->serial != serial) {
		h->serial = serial;
		h->taken = 0;
	}
	if (h->taken >= (u64)READ_ONCE(r->own) + READ_ONCE(r->share))
		return false;
	loop->fn = READ_ONCE(r->loop.fn);
	loop->arg = READ_ONCE(r->loop.arg);
	loop->n = READ_ONCE(r->loop.n);
	return true;
}

bool llama_rounds_wanted(const struct llama_rounds *r, struct llama_helper *h)
{
	struct llama_loop loop;
	s64 state;

	return look(r, h, &loop, &state);
}

bool llama_rounds_help(struct llama_rounds *r, struct llama_helper *h)
{
	struct llama_loop loop;
	s64 state;

	/* A failed exchange is no barrier: read all fields again. */
	do {
		if (!look(r, h, &loop, &state))
			return false;
	} while (!atomic64_try_cmpxchg(&r->state, &state, state - 1));
	h->taken++;
	loop.fn(loop.arg, loop.n - left(state), h->worker);
	atomic64_inc_return(&r->helped);
	return true;
}

// SPDX-License-Identifier: GPL-2.0
#include "model/scratch.h"
#include "arithmetic/tile.h"
#include "model/kv.h"

static void lay_out_worker(struct llama_worker *w, const struct llama_scratch *s,
			   const struct llama_model *m, u32 widest, struct llama_arena *arena)
{
	size_t n = llama_kv_chunks(s->n_ctx) * LLAMA_KV_CHUNK;
	u32 dim = m->n_head_dim, rows = LLAMA_MAX_QUERIES;

	llama_vector_tmp_alloc(&w->tmp, arena, widest);
	llama_weights_row_alloc(&w->row, arena, s->n_batch, widest);
	w->y = llama_arena_alloc(arena, (size_t)s->n_batch * TILE_ROWS, sizeof(*w->y));
	w->query = llama_arena_alloc(arena, dim, sizeof(*w->query));
	w->query_hi = llama_arena_alloc(arena, rows * dim, sizeof(*w->query_hi));
	w->query_lo = llama_arena_alloc(arena, rows * dim, sizeof(*w->query_lo));
	w->dot = llama_arena_alloc(arena, rows * LLAMA_KV_CHUNK, sizeof(*w->dot));
	w->score = llama_arena_alloc(arena, rows * n, sizeof(*w->score));
	w->weight = llama_arena_alloc(arena, n, sizeof(*w->weight));
	w->weight_q = llama_arena_alloc(arena, n, sizeof(*w->weight_q));
	w->weight_hi = llama_arena_alloc(arena, rows * n, sizeof(*w->weight_hi));
	w->weight_lo = llama_arena_alloc(arena, rows * n, sizeof(*w->weight_lo));
	w->weight_h = llama_arena_alloc(arena, rows * n / BFP_BLOCK, sizeof(*w->weight_h));
	w->sum = llama_arena_alloc(arena, rows * dim, sizeof(*w->sum));
}

static void lay_out(struct llama_scratch *s, const struct llama_model *m,
		    struct llama_arena *arena)
{
	u32 n = s->n_batch;
	u32 n_q = m->n_head * m->n_head_dim;
	u32 n_kv = m->n_head_kv * m->n_head_dim;
	u32 widest = max(max(m->n_embd, m->n_ff), n_q);
	struct llama_worker unplaced;
	u32 i;

	s->x = llama_arena_alloc(arena, (size_t)n * m->n_embd, sizeof(*s->x));
	llama_bfp_alloc(&s->in, arena, n, widest);
	s->y = llama_arena_alloc(arena, (size_t)n * m->n_embd, sizeof(*s->y));
	s->q = llama_arena_alloc(arena, (size_t)n * n_q, sizeof(*s->q));
	s->k = llama_arena_alloc(arena, (size_t)n * n_kv, sizeof(*s->k));
	s->v = llama_arena_alloc(arena, (size_t)n * n_kv, sizeof(*s->v));
	s->gate = llama_arena_alloc(arena, (size_t)n * m->n_ff, sizeof(*s->gate));
	s->up = llama_arena_alloc(arena, (size_t)n * m->n_ff, sizeof(*s->up));
	s->sin = llama_arena_alloc(arena, (size_t)n * m->n_rot / 2, sizeof(*s->sin));
	s->cos = llama_arena_alloc(arena, (size_t)n * m->n_rot / 2, sizeof(*s->cos));
	s->workers = llama_arena_alloc(arena, s->n_workers, sizeof(*s->workers));
	for (i = 0; i < s->n_workers; i++)
		lay_out_worker(s->workers ? &s->workers[i] : &unplaced, s, m, widest, arena);
}

size_t llama_scratch_size(const struct llama_model *m, u32 n_ctx, u32 n_batch, u32 n_workers)
{
	struct llama_scratch s = { .n_ctx = n_ctx, .n_batch = n_batch, .n_workers = n_workers };
	struct llama_arena arena = { 0 };

	lay_out(&s, m, &arena);
	return arena.used;
}

int llama_scratch_init(struct llama_scratch *s, const struct llama_model *m, u32 n_ctx,
		       u32 n_batch, u32 n_workers, struct llama_arena *arena)
{
	if (!n_ctx || n_ctx > m->n_ctx_train || !n_batch || n_batch > LLAMA_MAX_BATCH ||
	    !n_workers || n_workers > LLAMA_MAX_WORKERS)
		return -EINVAL;
	if (!arena->base || arena->used > arena->size ||
	    arena->size - arena->used < llama_scratch_size(m, n_ctx, n_batch, n_workers))
		return -ENOMEM;
	s->team = NULL;
	s->n_ctx = n_ctx;
	s->n_batch = n_batch;
	s->n_workers = n_workers;
	lay_out(s, m, arena);
	return 0;
}

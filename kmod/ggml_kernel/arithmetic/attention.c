// SPDX-License-Identifier: GPL-2.0
/* Products of attention on the generic path: docs/numerics.md, section 5. */
#include "arithmetic/attention.h"

/* Return the index of dimension @i of the key at position @slot. */
static size_t key_at(u32 slot, u32 dim, u32 i)
{
	u32 group = slot / ATTENTION_LANES, lane = slot % ATTENTION_LANES;

	return (((size_t)group * (dim / 2) + i / 2) * ATTENTION_LANES + lane) * 2 + i % 2;
}

void llama_attention_store(const struct attention_head *h, u32 slot, u32 dim, const s16 *k,
			   const s16 *v)
{
	s16 *value = h->v + (size_t)(slot / 2) * dim * 2 + slot % 2;
	u32 i;

	for (i = 0; i < dim; i++) {
		h->k[key_at(slot, dim, i)] = k[i];
		value[2 * i] = v[i];
	}
}

void llama_attention_scores(const struct attention_scores *a)
{
	u32 row, t, i;

	for (row = 0; row < a->n_rows; row++)
		for (t = 0; t < a->n; t++) {
			const s16 *k = a->k + key_at(t, a->dim, 0);
			s64 dot = 0;

			for (i = 0; i < a->dim; i++) {
				size_t at = (size_t)row * a->dim + i;

				dot += (256 * a->hi[at] + a->lo[at]) *
				       k[i / 2 * ATTENTION_LANES * 2 + i % 2];
			}
			a->dot[row * LLAMA_KV_CHUNK + t] = dot;
		}
}

void llama_attention_values(const struct attention_values *a)
{
	u32 row, t, i;

	for (row = 0; row < a->n_rows; row++)
		for (t = 0; t < a->n_blocks * BFP_BLOCK; t++) {
			size_t at = (size_t)row * a->stride + t;
			s32 w = (256 * a->hi[at] + a->lo[at]) * (1 << a->h[at / BFP_BLOCK]);
			const s16 *v = a->v + (size_t)(t / 2) * a->dim * 2 + t % 2;

			for (i = 0; w && i < a->dim; i++)
				a->sum[(size_t)row * a->dim + i] += (s64)w * v[2 * i];
		}
}

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: One layer's attention, between its products with weights
 *
 * docs/numerics.md, section 5.
 */
#ifndef LLAMA_ATTEND_H
#define LLAMA_ATTEND_H

#include "model/pass.h"

/** attend_turns() - Sines and cosines for the positions of the batch into its scratch memory. */
void attend_turns(const struct pass *p);

/**
 * attend_store() - Keys and values of the batch, in s->k and s->v, into the cache.
 * @p:     The pass; its positions' chunks are there.
 * @layer: Whose keys and values they are.
 * Return: 0, or the value of the hook that stopped the work.
 */
int attend_store(const struct pass *p, u32 layer);

/**
 * attend() - Queries of the batch, in s->q, to the outputs of their heads, in the same place.
 * @p:     The pass.
 * @layer: Whose keys and values are looked at, attend_store() done.
 * Return: 0, or the value of the hook that stopped the work.
 */
int attend(const struct pass *p, u32 layer);

#endif

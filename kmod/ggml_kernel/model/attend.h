/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: One layer's attention, between its products with weights
 *
 * docs/numerics.md, section 5.
 */
#ifndef LLAMA_ATTEND_H
#define LLAMA_ATTEND_H

#include "model/pass.h"

/** llama_attend_angles() - Write sines and cosines of the batch's positions to its scratch. */
void llama_attend_angles(const struct pass *p);

/**
 * llama_attend_store() - Keys and values of the batch, in s->k and s->v, into the cache.
 * @p:     The pass; its positions' chunks are there.
 * @layer: Whose keys and values they are.
 * Return: 0, or the value of the hook that stopped the work.
 */
int llama_attend_store(const struct pass *p, u32 layer);

/**
 * llama_attend() - Queries of the batch, in s->q, to the outputs of their heads, in the same place.
 * @p:     The pass.
 * @layer: Whose keys and values are looked at, llama_attend_store() done.
 * Return: 0, or the value of the hook that stopped the work.
 */
int llama_attend(const struct pass *p, u32 layer);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Attention of a layer, between its products with weights
 *
 * docs/numerics.md, section 5.
 */
#ifndef LLAMA_ATTEND_H
#define LLAMA_ATTEND_H

#include "model/pass.h"

/** llama_attend_angles() - Write sines and cosines of the batch's positions to its scratch. */
void llama_attend_angles(const struct pass *p);

/**
 * llama_attend_store() - Store keys and values of the batch, in s->k and s->v, in the cache.
 * @p:     The pass; the chunks of its positions are provided.
 * @layer: Layer of the keys and values.
 *
 * Return: 0, or the value of the hook that stopped the work.
 */
int llama_attend_store(const struct pass *p, u32 layer);

/**
 * llama_attend() - Replace the queries of the batch, in s->q, by the outputs of their heads.
 * @p:     The pass, after llama_attend_store().
 * @layer: Layer of the keys and values.
 *
 * Return: 0, or the value of the hook that stopped the work.
 */
int llama_attend(const struct pass *p, u32 layer);

#endif

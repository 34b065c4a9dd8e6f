/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Models of the llama architecture
 */
#ifndef LLAMA_MODEL_H
#define LLAMA_MODEL_H

#include "text/chat.h"
#include "text/vocab.h"
#include "arithmetic/weights.h"

#define LLAMA_MAX_LAYERS 512
#define LLAMA_MAX_HEAD_DIM 256
#define LLAMA_MAX_CTX (1u << 20)

/**
 * struct llama_norm - Weights of an RMSNorm.
 * @w: (n_embd,) aligned to 30 bits.
 * @e: Their exponent.
 */
struct llama_norm {
	s32 *w;
	int e;
};

/**
 * struct llama_layer - A transformer block.
 * @attn_norm: (n_embd).
 * @wq: n_embd -> n_head * n_head_dim.
 * @wk: n_embd -> n_head_kv * n_head_dim.
 * @wv: Likewise.
 * @wo: n_head * n_head_dim -> n_embd.
 * @ffn_norm: (n_embd).
 * @gate: n_embd -> n_ff.
 * @up: Likewise.
 * @down: n_ff -> n_embd.
 */
struct llama_layer {
	struct llama_norm attn_norm;
	struct weights wq, wk, wv, wo;
	struct llama_norm ffn_norm;
	struct weights gate, up, down;
};

/**
 * struct llama_model - A model, read-only once it is initialised.
 * @n_vocab: Number of tokens.
 * @n_ctx_train: Longest context, as the file gives it.
 * @n_embd: Elements of the residual stream.
 * @n_layer: Number of entries at @layers.
 * @n_head: Number of query heads, a multiple of @n_head_kv.
 * @n_head_kv: Number of key-value heads.
 * @n_head_dim: Elements of a head.
 * @n_ff:  Elements between a layer's @gate and @down.
 * @n_rot: Number of a head's dimensions that RoPE rotates.
 * @eps:   Epsilon of every RMSNorm.
 * @freq:  (n_rot / 2,) angle per position; 2^64 is a full circle.
 * @token_embd: A row for each token.
 * @output: Output matrix; the same as @token_embd if the file ties them.
 * @output_norm: Norm before @output.
 * @layers: (n_layer,) layers.
 * @vocab: Vocabulary.
 * @name:  general.name, may be empty.
 * @file_type: Name of the most frequent type of weights ("Q4_1").
 * @n_params: Number of weights.
 * @chat: Family of the file's chat template.
 * @default_system: System prompt of that template, for callers without one.
 */
struct llama_model {
	u32 n_vocab, n_ctx_train, n_embd, n_layer, n_head, n_head_kv, n_head_dim, n_ff, n_rot;
	struct float_parts eps;
	u64 *freq;
	struct weights token_embd, output;
	struct llama_norm output_norm;
	struct llama_layer *layers;
	struct llama_vocab vocab;
	enum llama_chat_template chat;
	struct gguf_str default_system;
	struct gguf_str name;
	const char *file_type;
	u64 n_params;
};

/**
 * llama_model_size() - Check a file and compute the memory of its model.
 * @g:    Index of the file.
 * @need: Arena bytes that llama_model_init() needs.
 * @diag: Names the cause on failure.
 *
 * Checks hyper-parameters, the shape of every tensor, and the vocabulary.
 *
 * Return: 0, -EINVAL (malformed or contradictory), or -EOPNOTSUPP (not supported by
 * the core).
 */
int llama_model_size(const struct gguf *g, size_t *need, struct llama_diag *diag);

/**
 * llama_model_init() - Make a model of a file image, in place.
 * @m:     Filled.
 * @g:     Index of the image; only needed during the call.
 * @image: The file image, writable; changed, and needed as long as @m lives.
 * @arena: At least llama_model_size() bytes, needed as long as @m lives.
 * @yield: Called between pieces of bounded work; may be NULL.
 * @diag:  Names the cause on failure.
 *
 * Return: see llama_model_size(); or the hook's value.
 */
int llama_model_init(struct llama_model *m, const struct gguf *g, u8 *image,
		     struct llama_arena *arena, const struct llama_yield *yield,
		     struct llama_diag *diag);

#endif

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
 * struct llama_layer - One transformer block.
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
 * struct llama_model - A model ready to compute with; read-only from then on.
 * @n_vocab: Tokens that there are.
 * @n_ctx_train: The longest context that the file claims.
 * @n_embd: Elements of the residual stream.
 * @n_layer: Entries at @layers.
 * @n_head: Heads of queries, a multiple of @n_head_kv.
 * @n_head_kv: Heads of keys and values.
 * @n_head_dim: Elements of a head.
 * @n_ff:  Elements between a layer's @gate and @down.
 * @n_rot: Dimensions of a head that RoPE turns.
 * @eps:   Of every RMSNorm.
 * @freq:  (n_rot / 2,) turns per position, 2^64 a turn.
 * @token_embd: A row for each token.
 * @output: The same as @token_embd where the file ties them.
 * @output_norm: Before @output.
 * @layers: (n_layer,)
 * @vocab: The file's tokens.
 * @name:  general.name, may be empty.
 * @file_type: The type that most weights have, for people ("Q4_1").
 * @n_params: Weights in all.
 * @chat: Family of the file's chat template.
 * @default_system: What that template says where the caller gives no system prompt.
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
 * llama_model_size() - Check the hyper-parameters, every tensor's shape and
 * the vocabulary; say how much memory llama_model_init() wants.
 * @g:    The file.
 * @need: Bytes out.
 * @diag: Names what is wrong where this fails.
 *
 * Return: 0, -EINVAL (malformed or contradictory), -EOPNOTSUPP (something
 * that this core does not compute); @diag names it.
 */
int llama_model_size(const struct gguf *g, size_t *need, struct llama_diag *diag);

/**
 * llama_model_init() - Make a model of a file image, in place.
 * @m:     Filled.
 * @g:     Index of the image; only needed during the call.
 * @image: The file image, writable; changed, and needed as long as @m lives.
 * @arena: At least llama_model_size() bytes, needed as long as @m lives.
 * @yield: Called between pieces of bounded work; may be NULL.
 * @diag:  Names what is wrong where this fails.
 *
 * Return: 0, as llama_model_size(), or the yield hook's value.
 */
int llama_model_init(struct llama_model *m, const struct gguf *g, u8 *image,
		     struct llama_arena *arena, const struct llama_yield *yield,
		     struct llama_diag *diag);

#endif

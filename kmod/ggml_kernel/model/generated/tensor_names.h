/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated from the Python package gguf. Do not edit; instead run
 *	python -m harness generate-headers
 */
#ifndef LLAMA_GENERATED_TENSOR_NAMES_H
#define LLAMA_GENERATED_TENSOR_NAMES_H

/* The architecture "llama"; %u is the layer. */
#define LLAMA_TENSOR_TOKEN_EMBD "token_embd.weight"
#define LLAMA_TENSOR_OUTPUT_NORM "output_norm.weight"
#define LLAMA_TENSOR_OUTPUT "output.weight"
#define LLAMA_TENSOR_ROPE_FREQS "rope_freqs.weight"
#define LLAMA_TENSOR_ATTN_NORM "blk.%u.attn_norm.weight"
#define LLAMA_TENSOR_ATTN_Q "blk.%u.attn_q.weight"
#define LLAMA_TENSOR_ATTN_K "blk.%u.attn_k.weight"
#define LLAMA_TENSOR_ATTN_V "blk.%u.attn_v.weight"
#define LLAMA_TENSOR_ATTN_OUT "blk.%u.attn_output.weight"
#define LLAMA_TENSOR_FFN_NORM "blk.%u.ffn_norm.weight"
#define LLAMA_TENSOR_FFN_GATE "blk.%u.ffn_gate.weight"
#define LLAMA_TENSOR_FFN_UP "blk.%u.ffn_up.weight"
#define LLAMA_TENSOR_FFN_DOWN "blk.%u.ffn_down.weight"

#endif

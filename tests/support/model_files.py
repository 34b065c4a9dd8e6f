# SPDX-License-Identifier: GPL-2.0
"""Small model files of every shape and type, with random or extreme weights."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter, TokenType

from tests.support.weight_bytes import random_rows


@dataclass(frozen=True)
class ModelRecipe:
    """Specification of a model file.

    ``types``, ``styles`` and ``middles`` are keyed by the last part of a tensor's name.
    ``middles`` gives the power of two near which the ordinary weights of float matrices lie.
    """

    kind: Type = Type.F16
    n_embd: int = 64
    n_head: int = 4
    n_head_kv: int = 2
    n_head_dim: int | None = None
    n_ff: int = 96
    n_layer: int = 2
    n_vocab: int = 300
    n_ctx: int = 64
    tied: bool = False
    n_rot: int | None = None
    rope_base: float | None = None
    rope_factor: float | None = None
    rope_scaling: str = "linear"
    rope_scale_linear: float | None = None
    rope_freqs: tuple[float, ...] | None = None
    eps: float = 1e-5
    seed: int = 0
    style: str = "ordinary"
    norm_kind: Type = Type.F32
    types: dict[str, Type] = field(default_factory=dict)
    styles: dict[str, str] = field(default_factory=dict)
    middles: dict[str, int] = field(default_factory=dict)


def _vocabulary(writer: GGUFWriter, n: int) -> None:
    """Write a SentencePiece vocabulary: control tokens, bytes, and n - 259 made-up words."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256))]
    kinds = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, *[TokenType.BYTE] * 256]
    words = [f"\u2581w{i}" for i in range(n - len(tokens))]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens + words)
    writer.add_token_scores([0.0] * len(tokens) + [-float(i) for i in range(len(words))])
    writer.add_token_types([int(k) for k in kinds] + [int(TokenType.NORMAL)] * len(words))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def _keys(writer: GGUFWriter, r: ModelRecipe, head_dim: int) -> None:
    """Write the hyper-parameters."""
    writer.add_name("test")
    writer.add_context_length(r.n_ctx)
    writer.add_embedding_length(r.n_embd)
    writer.add_block_count(r.n_layer)
    writer.add_feed_forward_length(r.n_ff)
    writer.add_head_count(r.n_head)
    writer.add_head_count_kv(r.n_head_kv)
    writer.add_layer_norm_rms_eps(r.eps)
    if r.n_head_dim is not None:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(r.n_rot or head_dim)
    if r.rope_base is not None:
        writer.add_rope_freq_base(r.rope_base)
    if r.rope_factor is not None:
        writer.add_string("llama.rope.scaling.type", r.rope_scaling)
        writer.add_rope_scaling_factor(r.rope_factor)
    if r.rope_scale_linear is not None:
        writer.add_float32("llama.rope.scale_linear", r.rope_scale_linear)


def _tensors(writer: GGUFWriter, r: ModelRecipe, head_dim: int) -> None:
    """Write the weights, drawn in the order of the file."""
    rng = np.random.default_rng(r.seed)

    def matrix(name: str, rows: int, n: int) -> None:
        last = name.rsplit(".", maxsplit=1)[-1]
        kind = r.types.get(last, r.kind)
        middles = (r.middles[last],) if last in r.middles else None
        raw = random_rows(rng, kind, rows, n, r.styles.get(last, r.style), middles)
        writer.add_tensor(f"{name}.weight", raw, raw_dtype=kind)

    def norm(name: str) -> None:
        last = name.rsplit(".", maxsplit=1)[-1]
        style = r.styles.get(last, "ordinary" if r.style == "ordinary" else "any")
        raw = random_rows(rng, r.norm_kind, 1, r.n_embd, style, (r.middles.get(last, 0),))[0]
        writer.add_tensor(f"{name}.weight", raw, raw_dtype=r.norm_kind)

    matrix("token_embd", r.n_vocab, r.n_embd)
    for i in range(r.n_layer):
        norm(f"blk.{i}.attn_norm")
        matrix(f"blk.{i}.attn_q", r.n_head * head_dim, r.n_embd)
        matrix(f"blk.{i}.attn_k", r.n_head_kv * head_dim, r.n_embd)
        matrix(f"blk.{i}.attn_v", r.n_head_kv * head_dim, r.n_embd)
        matrix(f"blk.{i}.attn_output", r.n_embd, r.n_head * head_dim)
        norm(f"blk.{i}.ffn_norm")
        matrix(f"blk.{i}.ffn_gate", r.n_ff, r.n_embd)
        matrix(f"blk.{i}.ffn_up", r.n_ff, r.n_embd)
        matrix(f"blk.{i}.ffn_down", r.n_embd, r.n_ff)
    norm("output_norm")
    if not r.tied:
        matrix("output", r.n_vocab, r.n_embd)
    if r.rope_freqs is not None:
        writer.add_tensor("rope_freqs.weight", np.array(r.rope_freqs, dtype=np.float32))


def write(recipe: ModelRecipe, path: Path) -> Path:
    """Write the model and return its path; the same recipe gives the same bytes."""
    head_dim = recipe.n_head_dim or recipe.n_embd // recipe.n_head
    writer = GGUFWriter(path, "llama")
    _keys(writer, recipe, head_dim)
    _vocabulary(writer, recipe.n_vocab)
    _tensors(writer, recipe, head_dim)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path

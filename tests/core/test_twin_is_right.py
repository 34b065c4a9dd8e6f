# SPDX-License-Identifier: GPL-2.0
"""Check the integer twin against the equations of a llama model in float64."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, quants
from numpy.typing import NDArray

from harness.reference.twin import Twin
from tests.support.model_files import ModelRecipe, write
from tests.support.weight_bytes import TYPES

F64 = NDArray[np.float64]


def rmsnorm(x: F64, w: F64, eps: float) -> F64:
    scaled: F64 = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps) * w
    return scaled


def rotate(x: F64, angle: F64) -> F64:
    """Return x (t, heads, d) with its first pairs rotated by angle (t, pairs) in radians."""
    n = 2 * angle.shape[1]
    turned = (x[..., 0:n:2] + 1j * x[..., 1:n:2]) * np.exp(1j * angle)[:, None]
    y = x.copy()
    y[..., 0:n:2], y[..., 1:n:2] = turned.real, turned.imag
    return y


def float64_logits(path: Path, r: ModelRecipe, tokens: list[int]) -> F64:
    """Return float64 logits by the equations of a llama model, on the gguf package's weights."""
    w = {
        t.name.removesuffix(".weight"): quants.dequantize(t.data, t.tensor_type)
        .astype(np.float64)
        .reshape([int(n) for n in t.shape[::-1]])
        for t in GGUFReader(path).tensors
    }
    t, d = len(tokens), r.n_head_dim or r.n_embd // r.n_head
    n_rot = r.n_rot or d
    frequency = (r.rope_base or 10000.0) ** (-2 * np.arange(n_rot // 2) / n_rot)
    frequency /= (r.rope_factor or 1.0) * np.array(r.rope_freqs or 1.0)
    angle = np.arange(t)[:, None] * frequency
    x = w["token_embd"][tokens]
    for i in range(r.n_layer):
        n = rmsnorm(x, w[f"blk.{i}.attn_norm"], r.eps)
        q, k, v = ((n @ w[f"blk.{i}.attn_{name}"].T).reshape(t, -1, d) for name in ("q", "k", "v"))
        group = r.n_head // r.n_head_kv
        k, v = np.repeat(rotate(k, angle), group, axis=1), np.repeat(v, group, axis=1)
        score = np.einsum("thd,uhd->htu", rotate(q, angle), k) / np.sqrt(d)
        p = np.exp(np.where(np.tri(t, dtype=bool), score, -np.inf))
        p /= p.sum(axis=-1, keepdims=True)
        heads = np.einsum("htu,uhd->thd", p, v).reshape(t, -1)
        x = x + heads @ w[f"blk.{i}.attn_output"].T
        n = rmsnorm(x, w[f"blk.{i}.ffn_norm"], r.eps)
        gate = n @ w[f"blk.{i}.ffn_gate"].T
        up = n @ w[f"blk.{i}.ffn_up"].T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ w[f"blk.{i}.ffn_down"].T
    logits: F64 = rmsnorm(x, w["output_norm"], r.eps) @ w.get("output", w["token_embd"]).T
    return logits


def log_softmax(x: F64) -> F64:
    shifted = x - x.max(axis=-1, keepdims=True)
    result: F64 = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


RECIPES = [
    *(ModelRecipe(kind=kind, n_embd=256, n_head=4, n_head_kv=2, n_ff=512) for kind in TYPES),
    ModelRecipe(n_embd=60, n_head=6, n_head_kv=3, n_ff=44, tied=True),
    ModelRecipe(n_rot=8, rope_base=500.0, n_ctx=128),
    ModelRecipe(rope_factor=3.3, rope_freqs=(1.0, 1.0, 2.5, 8.0, 1.5, 1.6, 32.0, 7.7)),
    ModelRecipe(n_head=3, n_head_kv=1, n_embd=48, n_head_dim=24),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: f"{r.kind.name}-{r.n_embd}-{r.n_rot}")
def test_twin_is_close_to_float64(recipe: ModelRecipe, tmp_path: Path) -> None:
    """Check the error bound of 16-bit inputs where random weights make attention sharp.

    A wrong equation is off by several per cent; the README gives a real model's figures.
    """
    recipe = replace(recipe, seed=1)
    path = write(recipe, tmp_path / "model.gguf")
    tokens = [int(i) for i in np.random.default_rng(1).integers(0, recipe.n_vocab, 40)]
    want = float64_logits(path, recipe, tokens)
    got = Twin(path).logits(tokens) / 2**16
    a, b = log_softmax(want), log_softmax(got)
    kl = (np.exp(a) * (a - b)).sum(axis=-1)
    assert want.std() > 1
    assert np.sqrt(((got - want) ** 2).mean()) < 2e-3 * want.std()
    assert kl.mean() < 3e-5

# SPDX-License-Identifier: GPL-2.0
"""A llama model in double precision, to measure the error of the integers.

The module is written from the equations of the architecture and not from docs/numerics.md. It
takes the weights from the ``gguf`` package and uses no integers.

* RMSNorm: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
* RoPE: Su et al., "RoFormer", 2021, on pairs of neighbours, as GGUF files of llama models
  order their rows; linear scaling of positions: Chen et al., "Extending Context Window of
  Large Language Models via Positional Interpolation", 2023.
* Grouped-query attention: Ainslie et al., "GQA", 2023.
* SwiGLU: Shazeer, "GLU Variants Improve Transformer", 2020.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, quants
from numpy.typing import NDArray

F64 = NDArray[np.float64]

_CHUNK = 1 << 23  # weights of a product that are held as doubles at once


def rmsnorm(x: F64, weight: F64, eps: float) -> F64:
    """Return the rows of x (..., n) over their root mean square, times weight (n,)."""
    y: F64 = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps) * weight
    return y


def rope_angles(
    positions: NDArray[np.int64], n_rot: int, base: float, factor: float, divisors: F64
) -> F64:
    """Return the angles of pairs at each position, (t, n_rot / 2), over factor and divisors."""
    frequency = base ** (-2 * np.arange(n_rot // 2) / n_rot) / factor / divisors
    angles: F64 = positions[:, None] * frequency
    return angles


def rotate(x: F64, angles: F64) -> F64:
    """Turn pairs (2i, 2i + 1) of heads x (t, heads, d) by angles (t, pairs); the rest stays."""
    n = 2 * angles.shape[-1]
    sin, cos = np.sin(angles)[:, None], np.cos(angles)[:, None]
    even, odd = x[..., 0:n:2], x[..., 1:n:2]
    y = x.copy()
    y[..., 0:n:2] = even * cos - odd * sin
    y[..., 1:n:2] = even * sin + odd * cos
    return y


def softmax(x: F64) -> F64:
    """Return the softmax over the last axis; minus infinity has no weight."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    p: F64 = e / e.sum(axis=-1, keepdims=True)
    return p


def attention(q: F64, k: F64, v: F64) -> F64:
    """Compute causal attention: q (t, heads, d), k and v (t, heads_kv, d) to (t, heads, d).

    A head of k and v serves heads / heads_kv heads of q that stand side by side.
    """
    t, n_head, d = q.shape
    group = n_head // k.shape[1]
    unseen = np.triu(np.full((t, t), -np.inf), 1)
    out = np.empty_like(q)
    for h in range(n_head):
        scores = q[:, h] @ k[:, h // group].T / np.sqrt(d)
        out[:, h] = softmax(scores + unseen) @ v[:, h // group]
    return out


def swiglu(gate: F64, up: F64) -> F64:
    """Return silu(gate) * up; silu(x) = x / (1 + e^-x) in a form that cannot overflow."""
    y: F64 = gate * 0.5 * (1 + np.tanh(gate / 2)) * up
    return y


class Float64Model:
    """A llama GGUF file. Weights become doubles as they are used and are not kept."""

    def __init__(self, path: str | Path) -> None:
        self._reader = GGUFReader(path)
        self._tensors = {t.name.removesuffix(".weight"): t for t in self._reader.tensors}
        key = self._key
        self.n_layer = int(key("block_count"))
        self.n_head = int(key("attention.head_count"))
        self.n_head_kv = int(key("attention.head_count_kv", self.n_head))
        self.n_embd = int(key("embedding_length"))
        self.n_head_dim = int(key("attention.key_length", self.n_embd // self.n_head))
        self.n_vocab = int(self._tensors["token_embd"].shape[1])
        self.eps = float(key("attention.layer_norm_rms_epsilon"))
        self._n_rot = int(key("rope.dimension_count", self.n_head_dim))
        self._base = float(key("rope.freq_base", 10000.0))
        self._factor = self._rope_factor()

    def _key(self, name: str, default: Any = None) -> Any:
        field = self._reader.get_field(f"llama.{name}")
        if field is None and default is None:
            raise ValueError(f"missing key llama.{name}")
        return default if field is None else field.contents()

    def _rope_factor(self) -> float:
        """Return the factor of linear scaling; a file may omit its type or use the older key."""
        scaling = self._key("rope.scaling.type", "linear")
        if scaling == "none":
            return 1.0
        if scaling != "linear":
            raise ValueError(f"rope scaling {scaling} is not supported")
        for name in ("rope.scaling.factor", "rope.scale_linear"):
            if self._reader.get_field(f"llama.{name}") is not None:
                return float(self._key(name))
        if self._reader.get_field("llama.rope.scaling.type") is not None:
            raise ValueError("linear rope scaling without a factor")
        return 1.0

    def _vector(self, name: str) -> F64:
        tensor = self._tensors[name]
        values = quants.dequantize(tensor.data, tensor.tensor_type).reshape(-1)
        return np.asarray(values, dtype=np.float64)

    def _rows(self, name: str, rows: Any) -> F64:
        tensor = self._tensors[name]
        values = quants.dequantize(tensor.data[rows], tensor.tensor_type)
        return np.asarray(values, dtype=np.float64).reshape(-1, int(tensor.shape[0]))

    def _product(self, name: str, x: F64) -> F64:
        """Return x (t, n) times every row of a matrix: (t, rows)."""
        n, rows = (int(size) for size in self._tensors[name].shape)
        y = np.empty((x.shape[0], rows))
        step = max(_CHUNK // n, 1)
        for start in range(0, rows, step):
            some = slice(start, start + step)
            np.matmul(x, self._rows(name, some).T, out=y[:, some])
        return y

    def logits(self, tokens: Sequence[int]) -> F64:
        """Return logits after each token: (len(tokens), n_vocab)."""
        t = len(tokens)
        divisors = np.ones(self._n_rot // 2)
        if "rope_freqs" in self._tensors:
            divisors = self._vector("rope_freqs")
        angles = rope_angles(np.arange(t), self._n_rot, self._base, self._factor, divisors)
        x = self._rows("token_embd", list(tokens))
        for layer in range(self.n_layer):
            blk = f"blk.{layer}."
            x = x + self._attend(blk, rmsnorm(x, self._vector(blk + "attn_norm"), self.eps), angles)
            n = rmsnorm(x, self._vector(blk + "ffn_norm"), self.eps)
            gated = swiglu(self._product(blk + "ffn_gate", n), self._product(blk + "ffn_up", n))
            x = x + self._product(blk + "ffn_down", gated)
        n = rmsnorm(x, self._vector("output_norm"), self.eps)
        return self._product("output" if "output" in self._tensors else "token_embd", n)

    def _attend(self, blk: str, n: F64, angles: F64) -> F64:
        def heads(name: str) -> F64:
            return self._product(blk + name, n).reshape(len(n), -1, self.n_head_dim)

        q, k = rotate(heads("attn_q"), angles), rotate(heads("attn_k"), angles)
        out = attention(q, k, heads("attn_v"))
        return self._product(blk + "attn_output", out.reshape(len(n), -1))

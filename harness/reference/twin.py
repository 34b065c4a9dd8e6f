# SPDX-License-Identifier: GPL-2.0
"""The integer twin: the whole forward pass of docs/numerics.md, in numpy.

The module is written from docs/numerics.md and not from the C, so that there are two independent
implementations: their logits must be the same integers. :class:`Twin` reads a GGUF file and
evaluates a sequence of tokens at once; each function above it is a paragraph of section 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFReader
from numpy.typing import ArrayLike, NDArray

from harness.reference import fixedpoint as fp
from harness.reference.fixedpoint import I64, U64, Coded, Quantized, i64
from harness.reference.weights import Matrix


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the file. eps and the rope numbers are bits of singles."""

    n_vocab: int
    n_ctx: int
    n_embd: int
    n_layer: int
    n_head: int
    n_head_kv: int
    n_head_dim: int
    n_rot: int
    n_ff: int
    eps: int
    rope_base: int
    rope_factor: int | None


@dataclass(frozen=True)
class Norm:
    """Norm weights, align(., 30)."""

    w: I64
    e: int


def rmsnorm(x: ArrayLike, norm: Norm, eps: int) -> Quantized:
    """Return RMSNorm of the rows of x (t, n) Q32, quantized for the products that follow."""
    a, s = fp.normalize(x)
    b = fp.shift_round(a, 7)
    mean = (b * b).sum(axis=-1) // a.shape[-1]
    parts = fp.f32_parts(eps)
    m, e = int(parts[0]), int(parts[1])
    inverse, exponent = [], []
    for square, shift in zip(mean.tolist(), s.tolist(), strict=True):
        t = e + 50 - 2 * shift
        v = max(square + (m << t if t >= 0 else m >> -t), 1)
        j = (64 - v.bit_length()) // 2
        inverse.append((1 << 61) // fp.isqrt(v << 2 * j))
        exponent.append(j - 38 + norm.e)
    y = fp.shift_round(a * i64(inverse)[:, None], 30)
    return fp.quantize(y * norm.w, exponent)


def swiglu(gate: ArrayLike, up: ArrayLike) -> Quantized:
    """Return silu(gate) * up of rows (t, n) Q32, quantized for the down projection."""
    g = i64(gate)
    g_norm, s_g = fp.normalize(g)
    u_norm, s_u = fp.normalize(up)
    a = np.minimum(np.abs(g), 1 << 37)
    e = fp.exp2_neg(((a >> 6) * fp.log2e_q30()) >> 36)
    r = fp.sigmoid_from_exp(e)
    sigma = np.where(g >= 0, r, (e * r) >> 30)
    f = fp.shift_round(g_norm * sigma, 30)
    return fp.quantize(f * u_norm, s_g + s_u - 64)


def rotate(head: ArrayLike, sin: I64, cos: I64) -> tuple[I64, I64]:
    """Turn the first pairs of heads (..., d) Q32 by angles (..., pairs).

    Returns (..., d) integers and their shifts s (...); the exponent is s - 32.
    """
    a, s = fp.normalize(head)
    n = 2 * sin.shape[-1]
    even, odd = a[..., 0:n:2], a[..., 1:n:2]
    turned = a.copy()
    turned[..., 0:n:2] = fp.shift_round(even * cos - odd * sin, 30)
    turned[..., 1:n:2] = fp.shift_round(even * sin + odd * cos, 30)
    return turned, s


def rotated_key(head: ArrayLike, sin: I64, cos: I64) -> Coded:
    """Return keys (..., d) as the cache stores them."""
    a, s = rotate(head, sin, cos)
    return fp.quantize1(a, s - 32)


def rotated_query(head: ArrayLike, sin: I64, cos: I64) -> Coded:
    """Return queries (..., d) multiplied by the scale of the softmax."""
    a, s = rotate(head, sin, cos)
    scale = (fp.log2e_q30() << 26) // fp.isqrt(a.shape[-1] << 52)
    return fp.quantize1(a * scale, s - 62)


def attend(query: Coded, key: Coded, value: Coded) -> I64:
    """Return one position's attention over its history of T positions: (..., g, d) Q32.

    query: (..., g, d), the g heads that share a key-value head; key, value: (..., T, d).
    """
    dots = fp.exact_matmul(key.q.astype(np.float64), np.swapaxes(query.q, -1, -2))
    exponent = query.e[..., :, None] + key.e[..., None, :]
    scores = fp.saturating_shift(np.swapaxes(dots, -1, -2), -(exponent + 20), 31)
    scores = np.clip(scores, -(2**31 - 1), 2**31 - 1)
    p = fp.exp2_neg(scores.max(axis=-1, keepdims=True) - scores)
    total = p.sum(axis=-1)
    top = value.e.max(axis=-1)
    shift = (top[..., None] - value.e)[..., None, :]
    weight = np.where(shift > 62, 0, (p << 30) >> np.minimum(shift, 62))
    w = fp.quantize(weight, np.broadcast_to(top[..., None] - 60, total.shape))
    columns = np.swapaxes(value.q, -1, -2).astype(np.float64)
    o = fp.exact_matmul(columns, np.swapaxes(w.wide(), -1, -2))
    a, s = fp.normalize(np.swapaxes(o, -1, -2))
    z = 64 - fp.bitlen(total)
    mantissa = (total.astype(np.uint64) << z.astype(np.uint64)) >> np.uint64(32)
    inverse = (1 << 61) // mantissa.astype(np.int64)
    return fp.to_q32(a * inverse[..., None], (s + w.e + z - 63)[..., None])


def to_logits(y: ArrayLike) -> NDArray[np.int32]:
    """Return Q32 products as Q16 logits."""
    return np.clip(fp.shift_round(y, 16), -(2**31), 2**31 - 1).astype(np.int32)


class Twin:
    """A model file, evaluated by docs/numerics.md."""

    def __init__(self, path: str | Path) -> None:
        """Read a llama GGUF file. ValueError if docs/numerics.md does not cover it."""
        self._reader = GGUFReader(path)
        self._tensors = {t.name: t for t in self._reader.tensors}
        self._matrices: dict[str, Matrix] = {}
        self.config = self._read_config()
        self._frequencies = self._read_frequencies()

    def _key(self, key: str, default: Any = None) -> Any:
        field = self._reader.get_field(key)
        if field is None:
            if default is None:
                raise ValueError(f"missing key {key}")
            return default
        return field.contents()

    def _read_config(self) -> Config:
        if self._key("general.architecture") != "llama":
            raise ValueError("not a llama model")
        n_head = self._key("llama.attention.head_count")
        n_embd = self._key("llama.embedding_length")
        n_head_dim = self._key("llama.attention.key_length", n_embd // n_head)
        scaling = self._key("llama.rope.scaling.type", "linear")
        older = self._key("llama.rope.scale_linear", 0.0)
        factor = self._key("llama.rope.scaling.factor", older)
        if scaling not in ("linear", "none"):
            raise ValueError(f"rope scaling {scaling}")
        return Config(
            n_vocab=int(self._tensors["token_embd.weight"].shape[1]),
            n_ctx=self._key("llama.context_length"),
            n_embd=n_embd,
            n_layer=self._key("llama.block_count"),
            n_head=n_head,
            n_head_kv=self._key("llama.attention.head_count_kv", n_head),
            n_head_dim=n_head_dim,
            n_rot=self._key("llama.rope.dimension_count", n_head_dim),
            n_ff=self._key("llama.feed_forward_length"),
            eps=fp.float_bits(self._key("llama.attention.layer_norm_rms_epsilon")),
            rope_base=fp.float_bits(self._key("llama.rope.freq_base", 10000.0)),
            rope_factor=fp.float_bits(factor) if factor and scaling == "linear" else None,
        )

    def _read_frequencies(self) -> U64:
        """Return (n_rot / 2,) turns per position, 2^64 being one."""
        c = self.config
        divisors = None
        if "rope_freqs.weight" in self._tensors:
            if self._tensors["rope_freqs.weight"].tensor_type != Type.F32:
                raise ValueError("rope_freqs.weight is not F32")
            divisors = self._raw("rope_freqs.weight").reshape(-1).view("<u4")
        frequencies = []
        for i in range(c.n_rot // 2):
            turn = fp.rope_frequency(c.rope_base, i, c.n_rot)
            if c.rope_factor is not None:
                turn = fp.turn_div_f32(turn, c.rope_factor)
            if divisors is not None:
                turn = fp.turn_div_f32(turn, int(divisors[i]))
            frequencies.append(turn)
        return np.array(frequencies, dtype=np.uint64)

    def _raw(self, name: str) -> NDArray[np.uint8]:
        """Return a tensor's bytes: (rows, bytes of a row)."""
        tensor = self._tensors[name]
        rows = int(np.prod(tensor.shape[1:], dtype=np.int64))
        return np.asarray(tensor.data).view(np.uint8).reshape(rows, -1)

    def matrix(self, name: str) -> Matrix:
        """Return a tensor by name, (rows, n)."""
        if name not in self._matrices:
            tensor = self._tensors[name]
            self._matrices[name] = Matrix(tensor.tensor_type, self._raw(name), int(tensor.shape[0]))
        return self._matrices[name]

    def _norm(self, name: str) -> Norm:
        w, e = self.matrix(name).vector(30)
        return Norm(w[0], int(e[0]))

    def logits(self, tokens: Sequence[int]) -> NDArray[np.int32]:
        """Return Q16 logits of every position: (len(tokens), n_vocab)."""
        c = self.config
        if not 0 < len(tokens) <= c.n_ctx:
            raise ValueError(f"{len(tokens)} tokens in a context of {c.n_ctx}")
        if min(tokens) < 0 or max(tokens) >= c.n_vocab:
            raise ValueError("token id out of the vocabulary")
        embedding = self.matrix("token_embd.weight")
        x = np.stack([embedding.row(token) for token in tokens])
        for layer in range(c.n_layer):
            prefix = f"blk.{layer}."
            n = rmsnorm(x, self._norm(prefix + "attn_norm.weight"), c.eps)
            heads = fp.quantize(self._attention(prefix, n), np.full(len(tokens), -32))
            x = fp.clamp_q32(x + self.matrix(prefix + "attn_output.weight").product(heads))
            n = rmsnorm(x, self._norm(prefix + "ffn_norm.weight"), c.eps)
            gated = swiglu(
                self.matrix(prefix + "ffn_gate.weight").product(n),
                self.matrix(prefix + "ffn_up.weight").product(n),
            )
            x = fp.clamp_q32(x + self.matrix(prefix + "ffn_down.weight").product(gated))
        n = rmsnorm(x, self._norm("output_norm.weight"), c.eps)
        output = "output.weight" if "output.weight" in self._tensors else "token_embd.weight"
        return to_logits(self.matrix(output).product(n))

    def _attention(self, prefix: str, n: Quantized) -> I64:
        """Return all heads of a layer side by side, every position: (t, n_head * d) Q32."""
        c = self.config
        t, group = n.q.shape[0], c.n_head // c.n_head_kv

        def heads(name: str, count: int) -> I64:
            y = self.matrix(prefix + name).product(n)
            return y.reshape(t, count, c.n_head_dim).transpose(1, 0, 2)

        phases = np.arange(t, dtype=np.uint64)[:, None] * self._frequencies
        sin, cos = fp.sincos(phases)
        q = rotated_query(heads("attn_q.weight", c.n_head), sin, cos)
        k = rotated_key(heads("attn_k.weight", c.n_head_kv), sin, cos)
        v = fp.quantize1(heads("attn_v.weight", c.n_head_kv), -32)
        codes = q.q.reshape(c.n_head_kv, group, t, c.n_head_dim)
        exponents = q.e.reshape(c.n_head_kv, group, t)
        out = np.empty((t, c.n_head_kv, group, c.n_head_dim), dtype=np.int64)
        for p in range(t):
            past = slice(0, p + 1)
            out[p] = attend(
                Coded(codes[:, :, p], exponents[:, :, p]),
                Coded(k.q[:, past], k.e[:, past]),
                Coded(v.q[:, past], v.e[:, past]),
            )
        return out.reshape(t, -1)

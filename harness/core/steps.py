# SPDX-License-Identifier: GPL-2.0
"""Single steps of the core on the path in use, on numpy arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.declarations import (
    AttentionScores,
    AttentionValues,
    NativeBfp,
    VectorSums,
    VectorTmp,
    VectorTop,
)
from harness.core.library import library

BLOCK = 32
"""Elements of a block."""

ROWS = 16
"""Rows of a tile."""

CHUNK = 64
"""Positions of a chunk of the KV cache."""

Array = NDArray[Any]


def zeros(shape: int | tuple[int, ...], kind: type[np.generic]) -> Array:
    """Return zeros that begin at a cache line, as all memory of the core does."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(kind).reshape(shape)


def aligned(a: Array) -> Array:
    """Return a copy that begins at a cache line."""
    copy = zeros(a.shape, a.dtype.type)
    copy[...] = a
    return copy


def call(name: str, *arguments: object) -> int:
    """Call ``llamuxu_<name>`` with arrays by address; return its result, 0 if it has none."""
    passed = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments]
    return int(getattr(library(), f"llamuxu_{name}")(*passed) or 0)


class Bfp:
    """Quantized vector of ``n`` elements."""

    def __init__(self, n: int) -> None:
        blocks = -(-n // BLOCK)
        self.fields: dict[str, Array] = {
            "q": zeros(blocks * BLOCK, np.int16),
            "pair": zeros(blocks * BLOCK // 2, np.uint32),
            "hi": zeros(blocks * BLOCK, np.uint8),
            "lo": zeros(blocks * BLOCK, np.uint8),
            "sum": zeros(blocks * 2, np.int32),
            "total": zeros(blocks, np.int64),
            "h": zeros(blocks, np.uint8),
            "shift": zeros(blocks, np.uint32),
            "e": zeros(1, np.int32),
        }
        self.struct = NativeBfp(n, blocks, *(f.ctypes.data for f in self.fields.values()))


class Tmp:
    """Scratch memory for ``n`` elements."""

    def __init__(self, n: int) -> None:
        padded = -(-n // BLOCK) * BLOCK
        self.wide = zeros(padded, np.int64)
        self.a = zeros(padded, np.int32)
        self.b = zeros(padded, np.int32)
        self.struct = VectorTmp(self.wide.ctypes.data, self.a.ctypes.data, self.b.ctypes.data)


def finish(
    a: Array, z: Array | None, e_a: Array, e_z: Array, r: int, t: int, minus: bool, e: Array
) -> Array:
    """Return sums (tokens, 16) in Q32."""
    s = VectorSums(
        a.ctypes.data,
        None if z is None else z.ctypes.data,
        e_a.ctypes.data,
        e_z.ctypes.data,
        r,
        t,
        minus,
    )
    y = zeros((len(e), ROWS + 3), np.int64)
    call("finish", s, len(e), e, y, ROWS + 3)
    return y


def score(dot: Array, e_k: Array, e_v: Array, e_q: int, n: int) -> tuple[Array, int, int]:
    """Return the scores, and the maxima."""
    out = zeros(CHUNK, np.int32)
    top = VectorTop(-(2**31) + 1, -(2**15))
    call("score", dot, e_k, e_v, e_q, n, out, top)
    return out, top.score, top.e_v


def weigh(scores: Array, e_v: Array, n: int) -> tuple[Array, int]:
    """Return the numerators, and their sum."""
    w = zeros(CHUNK, np.int64)
    total = call("weigh", scores, e_v, n, VectorTop(int(scores[:n].max()), int(e_v[:n].max())), w)
    return w[:n], total


def scores(k: Array, hi: Array, lo: Array, n: int) -> Array:
    """Return queries (rows, dim) times a chunk's keys."""
    rows, dim = hi.shape
    dot = zeros((rows, CHUNK), np.int64)
    data = k.ctypes.data
    s = AttentionScores(data, data, dim, hi.ctypes.data, lo.ctypes.data, rows, n, dot.ctypes.data)
    call("scores", s)
    return dot[:, :n]


def values(v: Array, hi: Array, lo: Array, h: Array, blocks: int, dim: int) -> Array:
    """Return weights (rows, 64) times a chunk's values."""
    rows = len(hi)
    total = zeros((rows, dim), np.int64)
    planes = (hi.ctypes.data, lo.ctypes.data, h.ctypes.data)
    data = v.ctypes.data
    call(
        "values", AttentionValues(data, data, dim, *planes, rows, blocks, CHUNK, total.ctypes.data)
    )
    return total

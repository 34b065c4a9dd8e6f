# SPDX-License-Identifier: GPL-2.0
"""Single steps of the core on the path in use, over numpy arrays."""

import ctypes
from ctypes import c_bool, c_int, c_int16, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.library import library

BLOCK = 32
ROWS = 16
CHUNK = 64
Array = NDArray[Any]


def zeros(shape: int | tuple[int, ...], kind: type[np.generic]) -> Array:
    """Zeros that begin at a cache line, as all memory of the core does."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(kind).reshape(shape)


def aligned(a: Array) -> Array:
    """A copy that begins at a cache line."""
    copy = zeros(a.shape, a.dtype.type)
    copy[...] = a
    return copy


class _Bfp(ctypes.Structure):
    _fields_ = (
        ("n", c_uint32),
        ("n_blocks", c_uint32),
        *(
            (name, c_void_p)
            for name in ("q", "pair", "hi", "lo", "sum", "total", "h", "shift", "e")
        ),
    )


class _Tmp(ctypes.Structure):
    _fields_ = (("wide", c_void_p), ("a", c_void_p), ("b", c_void_p))


class _Sums(ctypes.Structure):
    _fields_ = (
        *((name, c_void_p) for name in ("a", "z", "e_a", "e_z")),
        ("r", c_int),
        ("t", c_int),
        ("minus", c_bool),
    )


class _Top(ctypes.Structure):
    _fields_ = (("score", c_int32), ("e_v", c_int16))


class _Scores(ctypes.Structure):
    _fields_ = (
        ("k", c_void_p),
        ("next", c_void_p),
        ("dim", c_uint32),
        ("hi", c_void_p),
        ("lo", c_void_p),
        ("n_rows", c_uint32),
        ("n", c_uint32),
        ("dot", c_void_p),
    )


class _Values(ctypes.Structure):
    _fields_ = (
        ("v", c_void_p),
        ("next", c_void_p),
        ("dim", c_uint32),
        ("hi", c_void_p),
        ("lo", c_void_p),
        ("h", c_void_p),
        ("n_rows", c_uint32),
        ("n_blocks", c_uint32),
        ("stride", c_uint32),
        ("sum", c_void_p),
    )


def call(name: str, *arguments: object) -> int:
    """Call ``llamuxu_<name>``: arrays and structures go by address."""
    function = library()[f"llamuxu_{name}"]
    function.restype = c_uint64 if name == "weigh" else c_int
    passed: list[object] = []
    for a in arguments:
        if isinstance(a, np.ndarray):
            passed.append(c_void_p(a.ctypes.data))
        elif isinstance(a, ctypes.Structure):
            passed.append(ctypes.byref(a))
        else:
            passed.append(a)
    return int(function(*passed))


class Bfp:
    """A quantized vector of ``n`` elements."""

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
        self.struct = _Bfp(n, blocks, *(f.ctypes.data for f in self.fields.values()))


class Tmp:
    """Scratch memory for ``n`` elements."""

    def __init__(self, n: int) -> None:
        padded = -(-n // BLOCK) * BLOCK
        self.wide = zeros(padded, np.int64)
        self.a = zeros(padded, np.int32)
        self.b = zeros(padded, np.int32)
        self.struct = _Tmp(self.wide.ctypes.data, self.a.ctypes.data, self.b.ctypes.data)


def finish(
    a: Array, z: Array | None, e_a: Array, e_z: Array, r: int, t: int, minus: bool, e: Array
) -> Array:
    """Sums (tokens, 16) to Q32."""
    s = _Sums(
        a.ctypes.data,
        None if z is None else z.ctypes.data,
        e_a.ctypes.data,
        e_z.ctypes.data,
        r,
        t,
        minus,
    )
    y = zeros((len(e), ROWS + 3), np.int64)
    call("finish", s, len(e), e, y, c_size_t(ROWS + 3))
    return y


def score(dot: Array, e_k: Array, e_v: Array, e_q: int, n: int) -> tuple[Array, int, int]:
    """Scores, and the maxima."""
    out = zeros(CHUNK, np.int32)
    top = _Top(-(2**31) + 1, -(2**15))
    call("score", dot, e_k, e_v, e_q, n, out, top)
    return out, top.score, top.e_v


def weigh(scores: Array, e_v: Array, n: int) -> tuple[Array, int]:
    """Numerators, and their sum."""
    w = zeros(CHUNK, np.int64)
    total = call("weigh", scores, e_v, n, _Top(int(scores[:n].max()), int(e_v[:n].max())), w)
    return w[:n], total


def scores(k: Array, hi: Array, lo: Array, n: int) -> Array:
    """Queries (rows, dim) times a chunk's keys."""
    rows, dim = hi.shape
    dot = zeros((rows, CHUNK), np.int64)
    data = k.ctypes.data
    s = _Scores(data, data, dim, hi.ctypes.data, lo.ctypes.data, rows, n, dot.ctypes.data)
    call("scores", s)
    return dot[:, :n]


def values(v: Array, hi: Array, lo: Array, h: Array, blocks: int, dim: int) -> Array:
    """Weights (rows, 64) times a chunk's values."""
    rows = len(hi)
    total = zeros((rows, dim), np.int64)
    planes = (hi.ctypes.data, lo.ctypes.data, h.ctypes.data)
    data = v.ctypes.data
    call("values", _Values(data, data, dim, *planes, rows, blocks, CHUNK, total.ctypes.data))
    return total

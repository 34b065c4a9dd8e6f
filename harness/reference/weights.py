# SPDX-License-Identifier: GPL-2.0
"""Weight matrices of GGUF files as integers: docs/numerics.md, section 3.

The bytes are unpacked here from ggml's block layouts. The sizes of blocks and the shifts of
section 3 are those of :mod:`harness.models.weight_types`; the ``gguf`` package says where a
tensor's bytes lie.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

from harness.models.weight_types import BLOCK_TYPES
from harness.reference.fixedpoint import (
    BLOCK,
    F64,
    I64,
    Quantized,
    align,
    bf16_parts,
    blocks,
    clamp_q32,
    exact_matmul,
    f16_parts,
    f32_parts,
    i64,
    quantize,
    shift_round,
    to_q32,
)

U8 = NDArray[np.uint8]

FLOATS: dict[Type, tuple[str, Callable[[I64], tuple[I64, I64]]]] = {
    Type.F32: ("<u4", f32_parts),
    Type.F16: ("<u2", f16_parts),
    Type.BF16: ("<u2", bf16_parts),
}

_CHUNK = 1 << 22


@dataclass(frozen=True)
class Unpacked:
    """Numbers of a quantised tensor, before any arithmetic.

    codes (rows, n), signed, after the type's offset. d and m (rows, blocks) are
    fp16 bits; m is absent in types without minima. K-quants have sub-block
    scales a and, with minima, b: (rows, sub-blocks).
    The value is d c + m; of K-quants d a c - m b.
    """

    codes: NDArray[np.int8]
    d: I64
    m: I64 | None = None
    a: I64 | None = None
    b: I64 | None = None


def _halves(block: U8, at: int) -> I64:
    """Return the fp16 bits at a byte of every block: (rows, blocks)."""
    return i64(block[..., at]) | i64(block[..., at + 1]) << 8


def _nibbles(qs: U8) -> U8:
    """Return (..., k) bytes to (..., 2k) codes: all low nibbles, then all high ones."""
    return np.concatenate([qs & 15, qs >> 4], axis=-1)


def _planes(bits: U8, width: int) -> U8:
    """Return (..., k) bytes to (..., 8 / width, k) fields, the lowest bits first."""
    shifts = np.arange(0, 8, width, dtype=np.uint8)
    return (bits[..., None, :] >> shifts[:, None]) & np.uint8((1 << width) - 1)


def _legacy(block: U8, minimum: bool, fifth: bool) -> Unpacked:
    """Unpack Q4_0, Q4_1, Q5_0, Q5_1: scale, [minimum], [fifth bits], nibbles."""
    at = 4 if minimum else 2
    codes = _nibbles(block[..., at + 4 * fifth : at + 4 * fifth + 16]).astype(np.int8)
    if fifth:
        high = np.unpackbits(block[..., at : at + 4], axis=-1, bitorder="little")
        codes |= (high << 4).astype(np.int8)
    offset = 0 if minimum else (16 if fifth else 8)
    return Unpacked(
        codes - np.int8(offset), _halves(block, 0), _halves(block, 2) if minimum else None
    )


def _q8_0(block: U8) -> Unpacked:
    return Unpacked(block[..., 2:34].view(np.int8), _halves(block, 0))


def _q2_k(block: U8) -> Unpacked:
    """Unpack scales[16], qs[64], d, dmin."""
    qs = block[..., 16:80].reshape(*block.shape[:-1], 2, 32)
    return Unpacked(
        _planes(qs, 2).astype(np.int8),
        _halves(block, 80),
        _halves(block, 82),
        i64(block[..., :16] & 15),
        i64(block[..., :16] >> 4),
    )


def _q3_k(block: U8) -> Unpacked:
    """Unpack hmask[32], qs[64], scales[12], d."""
    lead = block.shape[:-1]
    low = _planes(block[..., 32:96].reshape(*lead, 2, 32), 2).reshape(*lead, 8, 32)
    high = _planes(block[..., :32], 1)
    packed = block[..., 96:108]
    low_scale = _nibbles(packed[..., :8])
    high_scale = _planes(packed[..., 8:], 2).reshape(*lead, 16)
    return Unpacked(
        (low | high << 2).astype(np.int8) - np.int8(4),
        _halves(block, 108),
        a=i64(low_scale | high_scale << 4) - 32,
    )


def _scales_k4(packed: U8) -> tuple[I64, I64]:
    """Return the 6-bit scales and minima of Q4_K and Q5_K: (..., 12) to two (..., 8)."""
    first, second, rest = packed[..., 0:4], packed[..., 4:8], packed[..., 8:12]
    a = np.concatenate([first & 63, rest & 15 | first >> 6 << 4], axis=-1)
    b = np.concatenate([second & 63, rest >> 4 | second >> 6 << 4], axis=-1)
    return i64(a), i64(b)


def _q4_k(block: U8) -> Unpacked:
    """Unpack d, dmin, scales[12], qs[128]."""
    a, b = _scales_k4(block[..., 4:16])
    codes = _nibbles(block[..., 16:144].reshape(*block.shape[:-1], 4, 32))
    return Unpacked(codes.astype(np.int8), _halves(block, 0), _halves(block, 2), a, b)


def _q5_k(block: U8) -> Unpacked:
    """Unpack d, dmin, scales[12], qh[32], qs[128]."""
    lead = block.shape[:-1]
    a, b = _scales_k4(block[..., 4:16])
    low = _nibbles(block[..., 48:176].reshape(*lead, 4, 32)).reshape(*lead, 8, 32)
    codes = low | _planes(block[..., 16:48], 1) << 4
    return Unpacked(codes.astype(np.int8), _halves(block, 0), _halves(block, 2), a, b)


def _q6_k(block: U8) -> Unpacked:
    """Unpack ql[128], qh[64], scales[16], d."""
    lead = block.shape[:-1]
    low = _nibbles(block[..., :128].reshape(*lead, 2, 64)).reshape(*lead, 2, 4, 32)
    high = _planes(block[..., 128:192].reshape(*lead, 2, 32), 2)
    return Unpacked(
        (low | high << 4).astype(np.int8) - np.int8(32),
        _halves(block, 208),
        a=i64(block[..., 192:208].view(np.int8)),
    )


_UNPACK: dict[Type, Callable[[U8], Unpacked]] = {
    Type.Q4_0: lambda b: _legacy(b, minimum=False, fifth=False),
    Type.Q4_1: lambda b: _legacy(b, minimum=True, fifth=False),
    Type.Q5_0: lambda b: _legacy(b, minimum=False, fifth=True),
    Type.Q5_1: lambda b: _legacy(b, minimum=True, fifth=True),
    Type.Q8_0: _q8_0,
    Type.Q2_K: _q2_k,
    Type.Q3_K: _q3_k,
    Type.Q4_K: _q4_k,
    Type.Q5_K: _q5_k,
    Type.Q6_K: _q6_k,
}
"""Functions that unpack blocks (..., bytes of a block)."""

FORMATS = {kind.kind: kind for kind in BLOCK_TYPES}
"""Types in blocks, by their numbers in files."""


def row_size(kind: Type, n: int) -> int:
    """Return the bytes of a row of n elements. ValueError if these are not whole blocks."""
    if kind in FLOATS:
        return n * np.dtype(FLOATS[kind][0]).itemsize
    fmt = FORMATS[kind]
    if n % fmt.elements:
        raise ValueError(f"{n} elements are no whole blocks of {kind.name}")
    return n // fmt.elements * fmt.bytes


def unpack(kind: Type, raw: U8, n: int) -> Unpacked:
    """Return rows of a quantised type, (rows, row_size) bytes, as their numbers."""
    fmt = FORMATS[kind]
    rows = raw.shape[0]
    blocks_of_rows = np.ascontiguousarray(raw).reshape(rows, n // fmt.elements, fmt.bytes)
    parts = _UNPACK[kind](blocks_of_rows)

    def flat(v: I64 | None) -> I64 | None:
        return None if v is None else v.reshape(rows, -1)

    return Unpacked(parts.codes.reshape(rows, n), parts.d, parts.m, flat(parts.a), flat(parts.b))


def floats(kind: Type, raw: U8) -> tuple[I64, I64]:
    """Return rows of a float type, (rows, bytes), as m * 2^e."""
    dtype, parts = FLOATS[kind]
    return parts(i64(np.ascontiguousarray(raw).view(dtype)))


class Matrix:
    """A weight matrix (rows, n) of any type; products follow docs/numerics.md bit by bit."""

    def __init__(self, kind: Type, raw: U8, n: int) -> None:
        """``raw``: (rows, row_size(kind, n)) bytes."""
        if raw.ndim != 2 or raw.shape[1] != row_size(kind, n):
            raise ValueError(f"{raw.shape} bytes for rows of {n} {kind.name}")
        self.kind, self.n, self.rows = kind, n, raw.shape[0]
        self._raw = raw

    def vector(self, t: int) -> tuple[I64, I64]:
        """Return align(row, t) of a float matrix: (rows, n) and (rows,)."""
        return align(*floats(self.kind, self._raw), t)

    @cached_property
    def _floats(self) -> Quantized:
        return quantize(*self.vector(31))

    @cached_property
    def _parts(self) -> Unpacked:
        return unpack(self.kind, self._raw, self.n)

    @cached_property
    def _scales(self) -> tuple[I64, I64]:
        """D (rows, blocks) and E_d (rows,)."""
        return align(*f16_parts(self._parts.d), 15)

    @cached_property
    def _minima(self) -> tuple[I64, I64] | None:
        """N (rows, blocks) and E_n (rows,)."""
        return None if self._parts.m is None else align(*f16_parts(self._parts.m), 15)

    def row(self, i: int) -> I64:
        """Return a row as a vector: (n,) Q32."""
        if self.kind in FLOATS:
            return clamp_q32(to_q32(self._floats.wide()[i], self._floats.e[i]))
        size, part = FORMATS[self.kind].elements, self._parts
        scale = np.repeat(self._scales[0][i], size)
        if part.a is not None:
            scale = scale * np.repeat(part.a[i], self.n // part.a.shape[1])
        y = to_q32(scale * part.codes[i], self._scales[1][i])
        if self._minima is not None:
            low = np.repeat(self._minima[0][i], size)
            if part.b is not None:
                low = low * np.repeat(part.b[i], self.n // part.b.shape[1])
                y = y - to_q32(low, self._minima[1][i])
            else:
                y = y + to_q32(low, self._minima[1][i])
        return clamp_q32(y)

    def product(self, x: Quantized) -> I64:
        """Return every row times every vector of x (t, n): (t, rows) Q32."""
        if x.q.shape[-1] != self.n:
            raise ValueError(f"vector of {x.q.shape[-1]} for rows of {self.n}")
        step = max(_CHUNK // self.n, 1)
        parts = [
            self._product(slice(i, min(i + step, self.rows)), x) for i in range(0, self.rows, step)
        ]
        return np.concatenate(parts, axis=0).T

    def _product(self, rows: slice, x: Quantized) -> I64:
        if self.kind in FLOATS:
            wide = Quantized(self._floats.q[rows], self._floats.h[rows], self._floats.e[rows])
            a = exact_matmul(wide.wide().astype(np.float64), x.wide().T)
            return clamp_q32(to_q32(a, wide.e[:, None] + x.e))
        if FORMATS[self.kind].elements == BLOCK:
            return self._product_32(rows, x)
        return self._product_k(rows, x)

    def _product_32(self, rows: slice, x: Quantized) -> I64:
        """Return the product for types in 32-blocks: (rows, t)."""
        scale, e_d = self._scales[0][rows], self._scales[1][rows]
        codes = self._parts.codes[rows].reshape(*scale.shape, BLOCK)
        weights = (scale.astype(np.float64)[..., None] * codes).reshape(-1, self.n)
        y = to_q32(exact_matmul(weights, x.wide().T), e_d[:, None] + x.e)
        if self._minima is not None:
            low, e_n = self._minima[0][rows], self._minima[1][rows]
            sums = blocks(x.wide()).sum(axis=-1)
            z = exact_matmul(low.astype(np.float64), sums.T)
            y = y + to_q32(z, e_n[:, None] + x.e)
        return clamp_q32(y)

    def _product_k(self, rows: slice, x: Quantized) -> I64:
        """Return the product for types in 256-blocks: (rows, t)."""
        fmt, part = FORMATS[self.kind], self._parts
        assert part.a is not None
        scale, e_d = self._scales[0][rows], self._scales[1][rows]
        n_rows, n_blocks = scale.shape
        wide = x.wide()

        def by_block(sub: I64, values: F64, inputs: I64, shift: int) -> I64:
            """Return round(sum over each 256-block of sub * values * inputs): (blocks, rows, t)."""
            weights = (sub[rows].astype(np.float64)[..., None] * values).reshape(
                n_rows, n_blocks, -1
            )
            columns = inputs.reshape(inputs.shape[0], n_blocks, -1).transpose(1, 2, 0)
            return shift_round(exact_matmul(weights.transpose(1, 0, 2), columns), shift)

        codes = part.codes[rows].reshape(n_rows, part.a.shape[1], -1).astype(np.float64)
        inner = by_block(part.a, codes, wide, fmt.shift)
        a = (scale.T[:, :, None] * inner).sum(axis=0)
        y = to_q32(a, e_d[:, None] + x.e + fmt.shift)
        if self._minima is not None:
            assert part.b is not None
            low, e_n = self._minima[0][rows], self._minima[1][rows]
            sums = wide.reshape(wide.shape[0], part.b.shape[1], -1).sum(axis=-1)
            inner = by_block(part.b, np.ones((1, 1, 1)), sums, fmt.minima_shift)
            z = (low.T[:, :, None] * inner).sum(axis=0)
            y = y - to_q32(z, e_n[:, None] + x.e + fmt.minima_shift)
        return clamp_q32(y)

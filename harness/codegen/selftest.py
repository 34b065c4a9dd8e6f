# SPDX-License-Identifier: GPL-2.0
"""Hashes that the core's arithmetic/selftest.c must compute, from the twin."""

from collections.abc import Callable
from functools import partial

import numpy as np
from gguf import GGMLQuantizationType as Type

from harness.codegen import template
from harness.models.weight_types import BLOCK_TYPES
from harness.reference import fixedpoint as fp
from harness.reference import twin
from harness.reference.fixedpoint import I64
from harness.reference.weights import Matrix, row_size

SEED = 0x2545F4914F6CDD1D
N, ODD, TOKENS, ROWS = 512, 509, 23, 16
CHUNK, DIM, MAX_DIM = 64, 64, 80
HEADS = ((DIM, 7, 64), (MAX_DIM, 6, 50), (26, 5, 31))
"""Dimension, queries and positions."""

TYPES = (*(t.kind for t in BLOCK_TYPES), Type.F16)

_WORD = (1 << 64) - 1


class _Stream:
    """Marsaglia's xorshift64."""

    def __init__(self) -> None:
        self._state = SEED

    def word(self) -> int:
        x = self._state
        x ^= x << 13 & _WORD
        x ^= x >> 7
        x ^= x << 17 & _WORD
        self._state = x
        return x

    def number(self, bits: int) -> int:
        """Return a number of up to ``bits`` bits and a sign."""
        x = self.word()
        return (x - (x >> 63 << 64)) >> 63 - bits


class _Input:
    """Input of every step, drawn in the order of make_up()."""

    def __init__(self) -> None:
        stream = _Stream()
        v = []
        for i in range(TOKENS * N):
            if i % 32 == 0:
                bits = 40 - stream.word() % 16
            v.append(stream.number(bits))
        self.v = fp.i64(v).reshape(TOKENS, N)
        self.w = fp.i64([stream.number(30) for _ in range(N)])
        self.code = fp.i64([max(stream.number(15), -32767) for _ in range(ROWS * N)])
        self.e = fp.i64([-8 - stream.word() % 8 for _ in range(CHUNK)])
        self.h = fp.i64([stream.word() % 9 for _ in range(ROWS)])
        self.x = fp.quantize(self.v, np.full(TOKENS, -32))

    def chunk(self, dim: int) -> I64:
        """Return the codes of a chunk of keys or values."""
        return self.code[: CHUNK * dim]

    def planes(self, n: int) -> I64:
        """Return the codes of queries or weights."""
        return self.code[CHUNK * MAX_DIM :][:n]


def _bytes(*results: tuple[str, object]) -> bytes:
    """Return numbers as they lie in C's memory; each has its type in numpy."""
    return b"".join(fp.i64(v).astype(kind).tobytes() for kind, v in results)  # type: ignore[arg-type]


def _vectors(x: fp.Quantized) -> bytes:
    """Return the bytes of struct bfp."""
    q = fp.blocks(x.q)
    pairs = q.reshape(*q.shape[:-1], 8, 4)[..., [0, 2, 1, 3]]
    total = q.sum(axis=-1)
    return _bytes(
        ("i2", q), ("i2", pairs), ("u1", q >> 8 & 255), ("u1", q & 255),
        ("i4", q.reshape(*q.shape[:-1], 2, 16).sum(axis=-1)), ("i8", total << x.h), ("u1", x.h),
        ("u4", x.h), ("i4", x.e),
    )  # fmt: skip


def _finish(i: _Input) -> bytes:
    e = fp.i64([-33, -60, -20])[:, None]
    a = fp.to_q32(i.v[0, :48].reshape(3, ROWS), i.e[:ROWS] + 4 + e)
    z = fp.to_q32(i.v[1, :48].reshape(3, ROWS), i.e[ROWS : 2 * ROWS] + 6 + e)
    return _bytes(("i8", fp.clamp_q32(a - z)), ("i8", a))


def _product(i: _Input, kind: Type) -> bytes:
    halves = np.where((i.code & 0x7C00) == 0x7C00, i.code ^ 0x4000, i.code).astype("<i2")
    size = row_size(kind, N)
    raw = halves.view(np.uint8)[: ROWS * size].reshape(ROWS, size)
    x = i.x
    y = Matrix(kind, raw, N).product(fp.Quantized(x.q, x.h, x.e - 14))
    return _bytes(("i8", y[:7]), ("i8", y))


def _scores(i: _Input) -> bytes:
    found = []
    for dim, rows, n in HEADS:
        keys = i.chunk(dim).reshape(4, dim // 2, 16, 2).transpose(0, 2, 1, 3).reshape(CHUNK, dim)
        dots = i.planes(rows * dim).reshape(rows, dim) @ keys.T
        found.append(("i8", dots[:, :n]))
    return _bytes(*found)


def _values(i: _Input) -> bytes:
    found = []
    for dim, rows, n in HEADS:
        seen = -(-n // 32) * 32
        shifts = np.repeat(i.h[: 2 * rows].reshape(rows, 2), 32, axis=1)
        weights = (i.planes(rows * CHUNK).reshape(rows, CHUNK) & 32767) << shifts
        values = i.chunk(dim).reshape(CHUNK // 2, dim, 2).transpose(0, 2, 1).reshape(CHUNK, dim)
        sums = i.v.reshape(-1)[: rows * dim].reshape(rows, dim)
        found.append(("i8", sums + weights[:, :seen] @ values[:seen]))
    return _bytes(*found)


def _rotate(i: _Input) -> bytes:
    turned, s = twin.rotate(i.v[0, :DIM], i.w[:24], i.w[DIM : DIM + 24])
    return _bytes(("i8", s - 32), ("i8", turned))


def _score(i: _Input) -> bytes:
    found = []
    top = -(2**31)
    for n, e_q in ((64, -18), (50, -8), (36, -8)):
        scores = fp.saturating_shift(i.w[:n], -(i.e[:n] + e_q + 20), 31)
        scores = np.clip(scores, -(2**31) + 1, 2**31 - 1)
        top = max(top, int(scores.max()))
        found += [("i4", scores), ("i8", top), ("i8", i.e.max())]
    return _bytes(*found)


def _weigh(i: _Input) -> bytes:
    found = []
    scores = i.w[:CHUNK] >> 6
    for n in (64, 51, 38):
        p = fp.exp2_neg(scores.max() - scores[:n])
        found += [("i8", p.sum()), ("i8", (p << 30) >> -i.e[:n])]
    return _bytes(*found)


def _mass(i: _Input) -> bytes:
    below = np.minimum((1 << 21) - (i.w[:ODD] >> 9), 1 << 21)
    return _bytes(("i8", fp.exp2_neg(below * fp.log2e_q30() >> 26).sum()))


def _rmsnorm(i: _Input) -> bytes:
    norm = twin.Norm(i.w[:ODD], -30)
    return _vectors(twin.rmsnorm(i.v[:1, :ODD], norm, fp.float_bits(1e-5)))


def _quantize_into(i: _Input) -> bytes:
    x = fp.quantize(i.v[0, :ODD], -7)
    return _bytes(("i8", x.e), ("i2", x.q), ("u1", x.h))


def _quantize1(i: _Input) -> bytes:
    x = fp.quantize1(i.v[0, :ODD], -7)
    return _bytes(("i8", x.e), ("i2", x.q))


def _normalize(i: _Input) -> bytes:
    a, s = fp.normalize(i.v[0, :ODD])
    return _bytes(("i8", s), ("i4", a))


def _output(i: _Input) -> bytes:
    a = i.w[:ODD] * 0x2F3C5D71
    return _bytes(*(("i8", fp.to_q32(a, e)) for e in (-41, -100, -30)))


STEPS: dict[str, Callable[[_Input], bytes]] = {
    "quantize": lambda i: _vectors(i.x),
    "quantize_into": _quantize_into,
    "quantize1": _quantize1,
    "normalize": _normalize,
    "finish": _finish,
    **{kind.name: partial(_product, kind=kind) for kind in TYPES},
    "scores": _scores,
    "values": _values,
    "rmsnorm": _rmsnorm,
    "swiglu": lambda i: _vectors(twin.swiglu(i.v[1:2, :ODD], i.v[:1, :ODD])),
    "rotate": _rotate,
    "add": lambda i: _bytes(("i8", fp.clamp_q32((i.v[0, :ODD] + i.v[1, :ODD]) << 20))),
    "to_q16": lambda i: _bytes(("i4", twin.to_logits(i.v[0, :ODD] << 20))),
    "score": _score,
    "weigh": _weigh,
    "output": _output,
    "most": lambda i: _bytes(("i8", i.w[:ODD].max())),
    "mass": _mass,
    "split": lambda i: _bytes(("i2", i.code[:ODD] >> 8), ("i2", i.code[:ODD] & 255)),
}
"""Steps by name; each returns the bytes that the C step hashes."""


def _fnv1a(data: bytes) -> int:
    """Return the hash FNV-1a."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & _WORD
    return value


def render() -> dict[str, str]:
    """Return ``generated/selftest.h``."""
    given = _Input()
    hashes = [(name, _fnv1a(step(given))) for name, step in STEPS.items()]
    text = template("selftest.h.j2").render(seed=SEED, hashes=hashes)
    return {"kmod/ggml_kernel/arithmetic/generated/selftest.h": text}

# SPDX-License-Identifier: GPL-2.0
"""Check every step of every usable path against the generic path, bit for bit."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core import library, steps
from harness.core.steps import Array, Bfp, Tmp, call

PATHS = [name for name in library.usable_isas() if name != "generic"]
EDGES = (1, 7, 31, 32, 33, 63, 64, 65)
LENGTHS = st.sampled_from(EDGES) | st.integers(1, 300)
IN_CHUNK = st.sampled_from(EDGES[:-1]) | st.integers(1, 64)
SEEDS = st.integers(0, 2**32 - 1)
KINDS = st.sampled_from(("even", "zero", "one", "low", "mixed", "edge"))
SHIFTS = st.sampled_from((-40, -3, -1, 0, 1, 2, 3, 20, 40, 61, 62, 63, 64, 100, 200))
DIMS = st.sampled_from((2, 4, 16, 32, 48, 64, 80, 128, 256))
Rng = np.random.Generator


@pytest.fixture(autouse=True, scope="module")
def best_path_again() -> Iterator[None]:
    yield
    library.select_isa(None)


def wide(rng: Rng, n: int, bits: int, kind: str) -> Array:
    """Return numbers of magnitude below 2^bits."""
    most = (1 << bits) - 1
    v = rng.integers(-most, most, n, np.int64, endpoint=True)
    match kind:
        case "zero":
            v[:] = 0
        case "one":
            v >>= min(bits, 40)
            v[rng.integers(n)] = most
        case "low":
            v[:] = -most
        case "mixed":
            v >>= rng.integers(0, bits + 1, n)
        case "edge":
            v = rng.choice(np.array([-most, -most // 2, -1, 0, 1, most // 2 + 1, most]), n)
    return steps.aligned(v)


def same(step: Callable[[], tuple[object, ...]]) -> None:
    """Check that ``step`` returns the same on every path."""
    library.select_isa("generic")
    right = step()
    for path in PATHS:
        library.select_isa(path)
        for i, (a, b) in enumerate(zip(step(), right, strict=True)):
            assert np.array_equal(np.asarray(a), np.asarray(b)), (path, i)


def test_there_is_a_path_to_compare() -> None:
    assert PATHS


@given(SEEDS, LENGTHS, st.integers(0, 62), KINDS)
def test_quantizers(seed: int, n: int, bits: int, kind: str) -> None:
    v = wide(np.random.default_rng(seed), n, bits, kind)

    def step() -> tuple[object, ...]:
        x = Bfp(n)
        call("quantize", x.struct, v, -32)
        q, h = steps.zeros(n, np.int16), steps.zeros(-(-n // 32), np.uint8)
        e = call("quantize_into", v, n, -7, q, h)
        q1, a = steps.zeros(n, np.int16), steps.zeros(n, np.int32)
        e1 = call("quantize1", v, n, 5, q1)
        return *x.fields.values(), e, q, h, e1, q1, call("normalize", v, n, a), a

    same(step)


@given(SEEDS, LENGTHS, st.integers(0, 60), KINDS, st.integers(-60, -30))
def test_rmsnorm_and_swiglu(seed: int, n: int, bits: int, kind: str, eps_e: int) -> None:
    rng = np.random.default_rng(seed)
    v, up = wide(rng, n, bits, kind), wide(rng, n, 60 - bits // 2, "mixed")
    w = wide(rng, n, 24, "mixed").astype(np.int32)
    eps = int(rng.integers(0, 1 << 24))

    def step() -> tuple[object, ...]:
        x, y, tmp = Bfp(n), Bfp(n), Tmp(n)
        call("rmsnorm", x.struct, v, w, -23, eps, eps_e, tmp.struct)
        call("swiglu", y.struct, v, up, tmp.struct)
        return *x.fields.values(), *y.fields.values()

    same(step)


@given(SEEDS, DIMS, st.integers(0, 60), KINDS)
def test_rotate(seed: int, dim: int, bits: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    v = wide(rng, dim, bits, kind)
    n_rot = 2 * int(rng.integers(1, dim // 2, endpoint=True))
    turn = rng.choice([0, 0.25, 0.5, 0.125, rng.random()], dim // 2) * 2 * np.pi
    sin, cos = (np.rint(f(turn) * 2**30).astype(np.int32) for f in (np.sin, np.cos))

    def step() -> tuple[object, ...]:
        tmp = Tmp(dim)
        return call("rotate", v, dim, n_rot, sin, cos, tmp.struct), tmp.wide[:dim]

    same(step)


@given(SEEDS, st.integers(1, 5), st.integers(0, 62), KINDS, SHIFTS, st.booleans(), st.booleans())
def test_finish(
    seed: int, tokens: int, bits: int, kind: str, shift: int, minima: bool, minus: bool
) -> None:
    rng = np.random.default_rng(seed)
    a = wide(rng, tokens * 16, bits, kind)
    z = wide(rng, tokens * 16, 62 - bits // 2, "mixed") if minima else None
    spread = int(rng.choice([1, 2, 30]))
    e_a, e_z = (rng.integers(0, spread, 16).astype(np.int16) - np.int16(20) for _ in range(2))
    e = (rng.integers(0, 2, tokens) - 12 - shift - 3).astype(np.int32)

    same(lambda: (steps.finish(a, z, e_a, e_z, 3, 2, minus, e),))


@given(SEEDS, LENGTHS, st.integers(0, 60), KINDS, SHIFTS)
def test_plain_loops(seed: int, n: int, bits: int, kind: str, shift: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = wide(rng, n, bits, kind), wide(rng, n, 60, "edge")
    a = wide(rng, n, min(bits, 30), kind).astype(np.int32)
    codes = wide(rng, n, 15, kind).astype(np.int16)
    inv = int(rng.integers(1, 1 << 30, endpoint=True))

    def step() -> tuple[object, ...]:
        total, logits, out = x.copy(), steps.zeros(n, np.int32), steps.zeros(n, np.int64)
        hi, lo = steps.zeros(n, np.int16), steps.zeros(n, np.int16)
        call("add", total, y, n)
        call("to_q16", x, n, logits)
        call("output", a, n, inv, -32 - shift, out)
        call("split", codes, n, hi, lo)
        return total, logits, out, hi, lo

    same(step)


@given(SEEDS, IN_CHUNK, st.integers(0, 39), KINDS, SHIFTS)
def test_scores_and_weights(seed: int, n: int, bits: int, kind: str, shift: int) -> None:
    rng = np.random.default_rng(seed)
    dot = wide(rng, 64, bits, kind)
    spread = int(rng.choice([1, 2, 40, 100]))
    e_k, e_v = (rng.integers(0, spread, 64).astype(np.int16) - np.int16(20) for _ in range(2))

    def step() -> tuple[object, ...]:
        scores, top, e_top = steps.score(dot, e_k, e_v, -shift, n)
        return scores[:n], top, e_top, *steps.weigh(scores, e_v, n)

    same(step)


@given(SEEDS, DIMS, st.integers(1, 9), IN_CHUNK, KINDS, KINDS)
def test_attention(seed: int, dim: int, rows: int, n: int, kind: str, other: str) -> None:
    rng = np.random.default_rng(seed)
    kv = wide(rng, 64 * dim, 15, kind).astype(np.int16)
    kv = steps.aligned(kv)
    query = wide(rng, rows * dim, 15, other).astype(np.int16).reshape(rows, dim)
    weights = wide(rng, rows * 64, 15, other).astype(np.int16).reshape(rows, 64)
    blocks = -(-n // 32)
    weights[:, n:] = 0
    h = rng.integers(0, 8, rows * 2, endpoint=True).astype(np.uint8)

    q_hi, q_lo = steps.aligned(query >> 8), steps.aligned(query & 255)
    w_hi, w_lo = steps.aligned(weights >> 8), steps.aligned(weights & 255)

    def step() -> tuple[object, ...]:
        dots = steps.scores(kv, q_hi, q_lo, n)
        return dots, steps.values(kv, w_hi, w_lo, h, blocks, dim)

    same(step)

# SPDX-License-Identifier: GPL-2.0
"""Check that every integer operation of the core equals the twin, bit for bit."""

import errno
import math
from fractions import Fraction

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from gguf import quants
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.core.library import CoreError, select_isa, usable_isas
from harness.core.ops import Ops
from harness.reference import fixedpoint as fp
from harness.reference.fixedpoint import I64
from harness.reference.weights import FLOATS, FORMATS, Matrix, floats, unpack
from tests.support.weight_bytes import SCALES_AT, STYLES, TYPES, random_floats, random_rows

OPS = Ops()

SEEDS = st.integers(0, 2**32 - 1)
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

EVERY_ISA = pytest.mark.parametrize("isa", usable_isas())
EVERY_TYPE = pytest.mark.parametrize("kind", TYPES, ids=lambda t: t.name)


def wide(rng: np.random.Generator, shape: tuple[int, ...], bits: int) -> I64:
    """Return integers of uniform bit length, |v| < 2^bits, including the ends and powers of two."""
    length = rng.integers(0, bits + 1, shape)
    magnitude = rng.integers(0, 2**62, shape) >> (62 - length)
    pick = rng.integers(0, 12, shape)
    power = np.int64(1) << np.maximum(length - 1, 0)
    magnitude = np.where(pick == 0, power, np.where(pick == 1, power - 1, magnitude))
    magnitude = np.where(pick == 2, 2**bits - 1, np.where(pick == 3, 0, magnitude))
    return np.asarray(np.where(rng.integers(0, 2, shape) == 1, magnitude, -magnitude))


def vector(rng: np.random.Generator, n: int, bits: int) -> I64:
    """Return a vector with large, small and zero blocks of 32."""
    v = wide(rng, (n,), bits)
    quiet = np.repeat(rng.integers(0, 20, -(-n // 32)), 32)[:n]
    silent = np.repeat(rng.integers(0, 6, -(-n // 32)), 32)[:n] == 0
    return np.asarray(np.where(silent, 0, v >> quiet))


def same(got: object, want: object) -> None:
    """Check that integers and shapes are equal."""
    np.testing.assert_array_equal(np.asarray(got), np.asarray(want), strict=False)
    assert np.shape(np.asarray(got)) == np.shape(np.asarray(want))


# Section 1


@given(SEEDS)
def test_shift_round(seed: int) -> None:
    rng = np.random.default_rng(seed)
    v = wide(rng, (200,), 62)
    s = rng.integers(-62, 70, 200)
    s = np.maximum(s, fp.bitlen(np.abs(v)) - 62)  # left shifts that fit
    same(OPS.shift_round(v, s), fp.shift_round(v, s))


@given(st.integers(-(2**62) + 1, 2**62 - 1), st.integers(1, 70))
def test_shift_round_is_rounding(v: int, s: int) -> None:
    """Check the twin against exact fractions."""
    want = math.floor(Fraction(v, 2**s) + Fraction(1, 2)) if s <= 62 else 0
    assert int(fp.shift_round(v, s)) == want


@given(SEEDS)
def test_to_q32(seed: int) -> None:
    rng = np.random.default_rng(seed)
    v = wide(rng, (200,), 62)
    e = rng.integers(-130, 130, 200)
    e[::2] = np.clip(28 - fp.bitlen(np.abs(v[::2])) + rng.integers(-3, 4, 100), -130, 130)
    same(OPS.scale_to_q32(v, e), fp.to_q32(v, e))


@given(st.integers(-(2**62) + 1, 2**62 - 1), st.integers(-200, 200))
@example(v=2**60, e=-32)
@example(v=-(2**62) + 1, e=-33)
@example(v=0, e=200)
def test_to_q32_is_exact(v: int, e: int) -> None:
    """Check the twin against Python's integers."""
    exact = v << e + 32 if e >= -32 else (v + (1 << -e - 33)) >> (-e - 32)
    if e + 32 < -62:
        exact = 0
    assert int(fp.to_q32(v, e)) == max(-(2**60), min(2**60, exact))


@pytest.mark.parametrize(("kind", "n_bits"), [("f32", 32), ("f16", 16), ("bf16", 16)])
def test_float_parts(kind: str, n_bits: int) -> None:
    """Check all float16 values, and float32 values at every exponent."""
    rng = np.random.default_rng(1)
    if n_bits == 16:
        bits = np.arange(2**16)
    else:
        exponents = np.repeat(np.arange(512), 40) << 23
        bits = exponents | rng.choice([0, 1, 2**22, 2**23 - 1, *rng.integers(0, 2**23, 9)], 20480)
    exponent_bits, fraction_bits = {"f32": (8, 23), "f16": (5, 10), "bf16": (8, 7)}[kind]
    finite = (bits >> fraction_bits) % 2**exponent_bits != 2**exponent_bits - 1
    twin = {"f32": fp.f32_parts, "f16": fp.f16_parts, "bf16": fp.bf16_parts}[kind]
    m, e = twin(bits[finite])
    got_m, got_e = OPS.parts(kind, bits[finite])
    same(got_m, m)
    same(got_e, e)
    singles = (
        bits[finite].astype(np.uint16).view(np.float16).astype(np.float64)
        if kind == "f16"
        else (bits[finite] << (32 - n_bits)).astype(np.uint32).view(np.float32).astype(np.float64)
    )
    np.testing.assert_array_equal(np.ldexp(m.astype(np.float64), e), singles)
    for b in bits[~finite][:: max(1, (~finite).sum() // 50)]:
        with pytest.raises(CoreError) as refused:
            OPS.parts(kind, [b])
        assert refused.value.errno == errno.ERANGE
        with pytest.raises(ValueError, match="NaN"):
            twin([b])


@given(
    SEEDS, st.sampled_from(list(FLOATS)), st.integers(1, 70), st.integers(1, 31),
    st.sampled_from(STYLES),
)  # fmt: skip
def test_align(seed: int, kind: Type, n: int, t: int, style: str) -> None:
    rng = np.random.default_rng(seed)
    raw = random_rows(rng, kind, 2, n, style)[seed % 2]
    v, e = fp.align(*floats(kind, raw[None]), t)
    got_v, got_e = OPS.float_align(kind, raw, n, t)
    same(got_v, v[0])
    assert got_e == int(e[0])


# Section 2


@given(SEEDS, st.integers(1, 200), st.integers(0, 62), st.integers(-200, 200))
@example(seed=0, n=1, bits=62, e=0)
@example(seed=0, n=33, bits=0, e=0)
def test_quantize(seed: int, n: int, bits: int, e: int) -> None:
    v = vector(np.random.default_rng(seed), n, bits)
    want = fp.quantize(v, e)
    q, h, exponent = OPS.quantize(v, e)
    same(q, want.q)
    same(h, want.h)
    assert exponent == int(want.e)
    padded, h, exponent = OPS.quantize_vector(v, e, token=seed % 3, n_tokens=3)
    same(padded[:n], want.q)
    assert not padded[n:].any()
    same(h, want.h)
    assert exponent == int(want.e)


@given(SEEDS, st.integers(1, 200), st.integers(0, 62))
def test_quantize_is_close(seed: int, n: int, bits: int) -> None:
    """Check that the twin's error is at most half a block's step, or a step for clamped values."""
    v = vector(np.random.default_rng(seed), n, bits)
    got = fp.quantize(v, 0)
    step = np.repeat(got.h, 32)[:n] + int(got.e)
    error = [abs(Fraction(int(q)) * Fraction(2) ** int(s) - int(x))
             for q, s, x in zip(got.q, step, v, strict=True)]  # fmt: skip
    assert all(d <= Fraction(2) ** int(s) for d, s in zip(error, step, strict=True))
    assert np.abs(got.q).max() <= 32767
    assert 0 <= got.h.min() <= got.h.max() <= 8


@given(SEEDS, st.integers(1, 200), st.integers(0, 62), st.integers(-200, 200))
def test_quantize1(seed: int, n: int, bits: int, e: int) -> None:
    v = vector(np.random.default_rng(seed), n, bits)
    want = fp.quantize1(v, e)
    q, exponent = OPS.quantize1(v, e)
    same(q, want.q)
    assert exponent == int(want.e)


@given(SEEDS, st.integers(1, 200), st.integers(0, 62))
def test_normalize(seed: int, n: int, bits: int) -> None:
    v = vector(np.random.default_rng(seed), n, bits)
    want, s = fp.normalize(v)
    got, shift = OPS.normalize(v)
    same(got, want)
    assert shift == int(s)
    assert np.abs(want).max() <= 2**30


# Section 3


@EVERY_TYPE
def test_unpacking_is_ggml_s(kind: Type) -> None:
    """Check that the twin's codes and scales give the floats that the gguf package gives."""
    rng = np.random.default_rng(2)
    for style in STYLES:
        raw = random_rows(rng, kind, 8, 512, style)
        want = quants.dequantize(raw, kind).reshape(8, 512)
        if kind in FLOATS:
            m, e = floats(kind, raw)
            np.testing.assert_array_equal(np.ldexp(m.astype(np.float64), e), want)
            continue
        parts = unpack(kind, raw, 512)

        def spread(v: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.repeat(v, 512 // v.shape[1], axis=1)

        def half(bits: I64) -> NDArray[np.float32]:
            return bits.astype(np.uint16).view(np.float16).astype(np.float32)

        scale = spread(half(parts.d))
        if parts.a is not None:
            scale = scale * spread(parts.a.astype(np.float32))
        got = scale * parts.codes
        if parts.m is not None and parts.b is not None:
            got = got - spread(half(parts.m)) * spread(parts.b.astype(np.float32))
        elif parts.m is not None:
            got = got + spread(half(parts.m))
        np.testing.assert_array_equal(got, want)


def lengths(kind: Type) -> st.SearchStrategy[int]:
    """Return the row lengths that a type allows."""
    if kind in FLOATS:
        return st.integers(1, 300)
    block = FORMATS[kind].elements
    return st.integers(1, 800 // block).map(lambda k: k * block)


@EVERY_ISA
@EVERY_TYPE
@settings(max_examples=30)
@given(data=st.data(), seed=SEEDS, style=st.sampled_from(STYLES))
def test_product(isa: str, kind: Type, data: st.DataObject, seed: int, style: str) -> None:
    """Check products of 16 rows together, where a path does so, and of single rows.

    Some batches are large enough for the codes to be unpacked in advance.
    """
    select_isa(isa)
    rng = np.random.default_rng(seed)
    n = data.draw(lengths(kind))
    rows = data.draw(st.sampled_from([9, 16, 39]))
    raw = random_rows(rng, kind, rows, n, style)
    tokens = data.draw(st.sampled_from([4, 5, 15, 16, 17, 23, 34]))
    v = np.stack([vector(rng, n, (62, 40, 3, 0)[t % 4]) for t in range(tokens)])
    e = rng.integers(-70, 5, tokens)
    matrix = Matrix(kind, raw, n)
    want = matrix.product(fp.quantize(v, e))
    with OPS.weights(kind, raw, n) as weights:
        same(weights.mul(v, e), want)
        some = weights.mul(v[:2], e[:2], row0=3, n_rows=4)
        same(some[:, :4], want[:2, 3:7])
        assert not some[:, 4:].any()
        if rows > 32:
            same(weights.mul(v, e, row0=16, n_rows=20)[:, :20], want[:, 16:36])


@EVERY_ISA
@EVERY_TYPE
@pytest.mark.parametrize("signs", ["plus", "minus", "alike"])
def test_product_at_the_limits(isa: str, kind: Type, signs: str) -> None:
    """Check the longest rows with every code, scale and activation at its largest."""
    select_isa(isa)
    n, rows = 32768, 20
    rng = np.random.default_rng(3)
    raw = random_rows(rng, kind, rows, n, "largest")
    if kind in FLOATS:
        halves = raw.view(FLOATS[kind][0])
        top = halves.dtype.itemsize * 8 - 1
        halves[0] &= (1 << top) - 1
        halves[1] |= 1 << top
    else:
        blocks = raw.reshape(rows, -1, FORMATS[kind].bytes)
        for at in SCALES_AT[kind]:
            blocks[..., at], blocks[..., at + 1] = 0xFF, 0x7B
    values = Matrix(kind, raw, n).row(3)
    sign = {"plus": 1, "minus": -1, "alike": np.where(values < 0, -1, 1)}[signs]
    v = np.full((1, n), 2**62 - 1) * sign
    matrix = Matrix(kind, raw, n)
    with OPS.weights(kind, raw, n) as weights:
        for e in (-62, -80, -110, -150, -190):
            same(weights.mul(v, e), matrix.product(fp.quantize(v, [e])))


@EVERY_TYPE
@settings(max_examples=20)
@given(data=st.data(), seed=SEEDS, style=st.sampled_from(STYLES))
def test_embedding_row(kind: Type, data: st.DataObject, seed: int, style: str) -> None:
    n = data.draw(lengths(kind))
    raw = random_rows(np.random.default_rng(seed), kind, 37, n, style)
    matrix = Matrix(kind, raw, n)
    with OPS.weights(kind, raw, n) as weights:
        for row in (0, 2, 15, 16, 31, 32, 36):
            same(weights.embed(row), matrix.row(row))


@EVERY_TYPE
@pytest.mark.parametrize("style", ["ordinary", "any"])
def test_product_is_right(kind: Type, style: str) -> None:
    """Check the twin against float64 on the floats that the gguf package gives."""
    rng = np.random.default_rng(4)
    raw = random_rows(rng, kind, 16, 512, style)
    v = wide(rng, (3, 512), 50)
    w = quants.dequantize(raw, kind).reshape(16, 512).astype(np.float64)
    reach = np.abs(v).max(axis=1)[:, None] * np.abs(w).max(axis=1)
    # "any": into the middle of Q32
    v_e = -np.frexp(reach.max())[1] if style == "any" else -50
    got = Matrix(kind, raw, 512).product(fp.quantize(v, np.full(3, v_e)))
    error = np.abs(got / 2**32 - np.ldexp(v.astype(np.float64) @ w.T, v_e))
    # three roundings of 16 bits (scale, code, input): the errors of 512 elements
    assert (error <= np.ldexp(reach, v_e) * (3 * math.sqrt(512) * 2.0**-15) + 2.0**-30).all()


@EVERY_TYPE
def test_row_is_right(kind: Type) -> None:
    """Check the twin's embedding rows against the floats that the gguf package gives."""
    raw = random_rows(np.random.default_rng(5), kind, 8, 512, "ordinary")
    want = quants.dequantize(raw, kind).reshape(8, 512)
    got = np.stack([Matrix(kind, raw, 512).row(i) for i in range(8)])
    reach = np.abs(want).max(axis=1, keepdims=True)
    assert (np.abs(got / 2**32 - want) <= reach * 2.0**-10).all()


@EVERY_TYPE
@pytest.mark.parametrize("bad", [0x7C00, 0xFC00, 0x7E01, 0x7C01])
def test_nan_and_infinity_are_refused(kind: Type, bad: int) -> None:
    rng = np.random.default_rng(6)
    places = SCALES_AT.get(kind, (0,))
    for at in places:
        raw = random_rows(rng, kind, 3, 256, "ordinary")
        if kind == Type.F32:
            raw.view("<u4")[2, 200] = (bad & 0x8000) << 16 | 0x7F800000 | bad & 0x3FF
        elif kind == Type.BF16:
            raw.view("<u2")[2, 200] = bad & 0x8000 | 0x7F80 | (bad & 0x201 and 0x41)
        elif kind == Type.F16:
            raw.view("<u2")[2, 200] = bad
        else:
            last = raw[2, -FORMATS[kind].bytes :]
            last[at], last[at + 1] = bad & 0xFF, bad >> 8
        with pytest.raises(CoreError) as refused, OPS.weights(kind, raw, 256):
            pass
        assert refused.value.errno == errno.EINVAL
        assert "test.weight" in str(refused.value)
        with pytest.raises(ValueError, match="NaN"):
            Matrix(kind, raw, 256).product(fp.quantize(np.ones((1, 256)), [0]))


# Section 4


@given(SEEDS)
def test_exp2_neg(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.concatenate([
        rng.integers(0, 40 << 20, 300), np.abs(wide(rng, (50,), 62)),
        np.arange(33) << 20, (np.arange(1, 33) << 20) - 1, np.arange(64) << 14,
    ])  # fmt: skip
    same(OPS.exp2_neg(x), fp.exp2_neg(x))


def test_exp2_neg_is_right() -> None:
    x = np.arange(0, 31 << 20, 997)
    error = np.abs(fp.exp2_neg(x) - 2.0 ** (30 - x / 2**20))
    assert (error <= 1 + 4e-7 * 2.0 ** (30 - x / 2**20)).all()


@given(SEEDS)
def test_sigmoid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    e = np.concatenate([rng.integers(0, 2**30 + 1, 300), [0, 1, 2**30, 2**30 - 1]])
    same(OPS.sigmoid_from_exp(e), fp.sigmoid_from_exp(e))
    assert (np.abs(fp.sigmoid_from_exp(e) - 2.0**60 / (2.0**30 + e)) <= 16).all()


@given(st.lists(st.integers(0, 2**64 - 1), max_size=50), SEEDS)
def test_isqrt(values: list[int], seed: int) -> None:
    roots = [1, 2**31, 2**32 - 1, *np.random.default_rng(seed).integers(1, 2**32, 50).tolist()]
    v = [*values, 0, 1, 2**62 - 1, 2**62, 2**64 - 1]
    v += [r * r for r in roots] + [r * r - 1 for r in roots]
    same(OPS.isqrt(np.array(v, dtype=np.uint64)), [fp.isqrt(x) for x in v])


@given(SEEDS)
def test_sincos(seed: int) -> None:
    rng = np.random.default_rng(seed)
    phase = rng.integers(0, 2**64 - 1, 300, dtype=np.uint64, endpoint=True)
    corners = [k << 62 for k in range(4)] + [(k << 62) - 1 for k in range(1, 5)]
    corners += [k << 52 for k in (1, 1023, 1024, 4095)] + [(k << 52) - 1 for k in (1, 1024, 4096)]
    phase = np.concatenate([phase, np.array(corners, dtype=np.uint64)])
    sin, cos = fp.sincos(phase)
    got_sin, got_cos = OPS.sincos_turn(phase)
    same(got_sin, sin)
    same(got_cos, cos)
    angle = phase.astype(np.float64) * (2 * np.pi / 2**64)
    assert (np.abs(sin / 2**30 - np.sin(angle)) < 4e-9).all()
    assert (np.abs(cos / 2**30 - np.cos(angle)) < 4e-9).all()


BASES = st.one_of(
    st.floats(1, 2**30, width=32, exclude_min=True),
    st.sampled_from([1.0000001192092896, 2.0, 10000.0, 100000.0, 500000.0, 1000000.0, 2.0**30]),
)


@given(BASES, st.integers(1, 128), st.data())
def test_rope_frequency(base: float, pairs: int, data: st.DataObject) -> None:
    i = data.draw(st.integers(0, pairs - 1))
    bits = fp.float_bits(base)
    turn = fp.rope_frequency(bits, i, 2 * pairs)
    assert OPS.rope_frequency(bits, i, 2 * pairs) == turn
    exact = base ** (-i / pairs) / (2 * math.pi)
    assert abs(turn / 2**64 - exact) <= exact * 1e-13 + 2.0**-62


@given(
    st.integers(0, 2**64 - 1),
    st.floats(0, width=32, exclude_min=True, allow_nan=False, allow_infinity=False),
)
@example(turn=2**64 - 1, f=1.0)
@example(turn=2**64 - 1, f=0.5)
@example(turn=1, f=1.401298464324817e-45)
@example(turn=2**64 - 1, f=3.4028234663852886e38)
@example(turn=2**64 - 1, f=32.0)
def test_turn_div(turn: int, f: float) -> None:
    bits = fp.float_bits(f)
    want = min(math.floor(Fraction(turn) / Fraction(f)), 2**64 - 1)
    assert fp.turn_div_f32(turn, bits) == want
    assert OPS.turn_div_f32(turn, bits) == want


def test_random_floats_are_finite() -> None:
    """Check the generator that the tests above use."""
    rng = np.random.default_rng(7)
    for style in STYLES:
        bits = random_floats(rng, Type.F32, (1000,), style)
        assert np.isfinite(bits.view(np.float32)).all()

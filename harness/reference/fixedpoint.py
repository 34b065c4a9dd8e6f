# SPDX-License-Identifier: GPL-2.0
"""The integer operations of docs/numerics.md, sections 1, 2 and 4, in numpy.

Every function works on int64 arrays of any shape; vectors lie along the last axis, so that one
call serves many tokens, rows or heads. Operations that need more than 64 bits use Python's
integers. The module is written from docs/numerics.md alone and not from the C.
"""

import math
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
F64 = NDArray[np.float64]

BLOCK = 32
Q32_LIMIT = 1 << 60
Q30_ONE = 1 << 30
U64_MAX = (1 << 64) - 1

_DIGITS = 120
_LIMB = 12


def i64(v: ArrayLike) -> I64:
    """Return an array-like as int64."""
    return np.asarray(v, dtype=np.int64)


# Section 1: notation


def bitlen(v: ArrayLike) -> I64:
    """Return the position of the highest set bit of each v >= 0, plus one; 0 for 0."""
    a = i64(v)
    high, low = a >> 32, a & 0xFFFFFFFF
    # frexp is exact on integers below 2^53, which both halves are
    high_bits = np.frexp(high.astype(np.float64))[1].astype(np.int64)
    low_bits = np.frexp(low.astype(np.float64))[1].astype(np.int64)
    return i64(np.where(high > 0, high_bits + 32, low_bits))


def shift_round(v: ArrayLike, s: ArrayLike) -> I64:
    """Return v / 2^s to the nearest integer, halves upwards; |v| < 2^62.

    A shift to the left (s < 0) must not overflow.
    """
    a, shift = np.broadcast_arrays(i64(v), i64(s))
    right = np.clip(shift, 1, 62)
    rounded = (a + (np.int64(1) << (right - 1))) >> right
    left = a << np.clip(-shift, 0, 63)
    return i64(np.where(shift > 62, 0, np.where(shift > 0, rounded, left)))


def saturating_shift(v: ArrayLike, s: ArrayLike, limit_bits: int) -> I64:
    """Return round(v, s) with an exact left shift, clamped to +-2^limit_bits."""
    a, shift = np.broadcast_arrays(i64(v), i64(s))
    limit = np.int64(1) << limit_bits
    over = (shift < 0) & (bitlen(np.abs(a)) - shift > limit_bits) & (a != 0)
    inside = shift_round(np.where(over, 0, a), np.where(a == 0, 0, shift))
    return i64(np.where(over, np.sign(a) * limit, np.clip(inside, -limit, limit)))


def to_q32(v: ArrayLike, e: ArrayLike) -> I64:
    """Return the Q32 of v * 2^e, saturated at +-2^60."""
    return saturating_shift(v, -(i64(e) + 32), 60)


def clamp_q32(v: ArrayLike) -> I64:
    """Clamp to the range of a Q32."""
    return i64(np.clip(i64(v), -Q32_LIMIT, Q32_LIMIT))


# Floats in files


def f32_parts(bits: ArrayLike) -> tuple[I64, I64]:
    """Return IEEE singles' bits as m * 2^e, exactly. ValueError on NaN and infinities."""
    b = i64(bits)
    fraction, biased = b & 0x7FFFFF, (b >> 23) & 0xFF
    if np.any(biased == 0xFF):
        raise ValueError("NaN or infinity")
    m = np.where(biased == 0, fraction, fraction | 0x800000)
    e = np.where(biased == 0, -149, biased - 150)
    return i64(np.where(b >> 31 & 1, -m, m)), i64(e)


def f16_parts(bits: ArrayLike) -> tuple[I64, I64]:
    """Return IEEE halves' bits as m * 2^e, exactly. ValueError on NaN and infinities."""
    b = i64(bits)
    fraction, biased = b & 0x3FF, (b >> 10) & 0x1F
    if np.any(biased == 0x1F):
        raise ValueError("NaN or infinity")
    m = np.where(biased == 0, fraction, fraction | 0x400)
    e = np.where(biased == 0, -24, biased - 25)
    return i64(np.where(b >> 15 & 1, -m, m)), i64(e)


def bf16_parts(bits: ArrayLike) -> tuple[I64, I64]:
    """Return bfloat16 bits as m * 2^e, exactly. ValueError on NaN and infinities."""
    return f32_parts(i64(bits) << 16)


def float_bits(value: float) -> int:
    """Return the bits of a value that is exactly a single."""
    return int(np.float32(value).view(np.uint32))


def align(m: ArrayLike, e: ArrayLike, t: int) -> tuple[I64, I64]:
    """Return align(m * 2^e, T) along the last axis: (..., n) integers and (...) exponents."""
    a, exponent = i64(m), i64(e)
    top = np.where(a != 0, bitlen(np.abs(a)) + exponent, np.iinfo(np.int32).min).max(axis=-1)
    common = np.where(np.any(a != 0, axis=-1), top - t, 0)
    shift = np.where(a == 0, 0, common[..., None] - exponent)
    limit = (1 << t) - 1
    return i64(np.clip(shift_round(a, shift), -limit, limit)), i64(common)


# Section 2: block floating point


@dataclass(frozen=True)
class Quantized:
    """``quantize``'s result: value = q * 2^h * 2^e, h by blocks of 32.

    q (..., n); h (..., ceil(n / 32)); e (...).
    """

    q: I64
    h: I64
    e: I64

    def wide(self) -> I64:
        """Return q << h, element by element: (..., n), below 2^23."""
        n = self.q.shape[-1]
        return i64(self.q << np.repeat(self.h, BLOCK, axis=-1)[..., :n])


def blocks(v: I64, size: int = BLOCK) -> I64:
    """Reshape (..., n) to (..., ceil(n / size), size), filled up with zeros."""
    short = -v.shape[-1] % size
    if short:
        v = np.concatenate([v, np.zeros((*v.shape[:-1], short), dtype=np.int64)], axis=-1)
    return v.reshape(*v.shape[:-1], -1, size)


def quantize(v: ArrayLike, e: ArrayLike) -> Quantized:
    """Quantize vectors v * 2^e to 16 bits with a shift for each block of 32."""
    a = i64(v)
    magnitude = np.abs(a)
    s_all = np.maximum(bitlen(magnitude.max(axis=-1)) - 15, 0)
    loudest = blocks(magnitude).max(axis=-1)
    s = np.clip(bitlen(loudest) - 15, np.maximum(s_all - 8, 0)[..., None], s_all[..., None])
    per_element = np.repeat(s, BLOCK, axis=-1)[..., : a.shape[-1]]
    q = np.clip(shift_round(a, per_element), -32767, 32767)
    return Quantized(i64(q), i64(s - s_all[..., None] + 8), i64(i64(e) + s_all - 8))


class Coded(NamedTuple):
    """``quantize1``'s result: value = q * 2^e; q (..., n), e (...)."""

    q: I64
    e: I64


def quantize1(v: ArrayLike, e: ArrayLike) -> Coded:
    """Quantize vectors v * 2^e to 16 bits with one shift."""
    a = i64(v)
    s = np.maximum(bitlen(np.abs(a).max(axis=-1)) - 15, 0)
    q = np.clip(shift_round(a, s[..., None]), -32767, 32767)
    return Coded(i64(q), i64(i64(e) + s))


def normalize(v: ArrayLike) -> tuple[I64, I64]:
    """Scale vectors to at most 2^30: return (..., n) and the shifts (...)."""
    a = i64(v)
    s = np.maximum(bitlen(np.abs(a).max(axis=-1)) - 30, 0)
    return shift_round(a, s[..., None]), i64(s)


# Exact products by floating-point BLAS


def exact_matmul(w: F64, x: I64) -> I64:
    """Return w @ x for integers, exactly, by float64 products of at most 2^53.

    w: (..., r, n) integers below 2^23 in float64; x: (..., n, t), cut into limbs
    of 12 bits if one product could round. The result must fit in int64.
    """
    n = w.shape[-1]
    largest = max(float(np.abs(w).max(initial=0.0)), 1.0)
    if largest * n * 2.0**_LIMB > 2.0**53:
        raise OverflowError("factors too large for an exact float64 product")
    reach = max(int(np.abs(x).max(initial=0)), 1)
    if largest * n * reach <= 2.0**53:
        return i64((w @ x.astype(np.float64)).astype(np.int64))
    low = (w @ (x & ((1 << _LIMB) - 1)).astype(np.float64)).astype(np.int64)
    return i64((exact_matmul(w, x >> _LIMB) << _LIMB) + low)


# Section 4: elementary functions


def _nearest(v: Decimal) -> int:
    return int(v.to_integral_value(ROUND_HALF_EVEN))


def _arctan_inverse(n: int) -> Decimal:
    """Return arctan(1 / n) by its series."""
    total, power, k = Decimal(0), Decimal(1) / n, 0
    while power > Decimal(10) ** -(_DIGITS - 2):
        total += power / (2 * k + 1) * (-1) ** k
        power /= n * n
        k += 1
    return total


@cache
def pi() -> Decimal:
    """Return pi by Machin's formula."""
    with localcontext() as context:
        context.prec = _DIGITS
        return 16 * _arctan_inverse(5) - 4 * _arctan_inverse(239)


def _sine(x: Decimal) -> Decimal:
    """Return sin x by its series, 0 <= x <= 2."""
    total, term, k = Decimal(0), x, 1
    while abs(term) > Decimal(10) ** -50:
        total += term
        term = -term * x * x / ((k + 1) * (k + 2))
        k += 2
    return total


@cache
def ln2_q30() -> int:
    """Return ln 2 in Q30."""
    with localcontext() as context:
        context.prec = _DIGITS
        return _nearest(Decimal(2).ln() * Q30_ONE)


@cache
def log2e_q30() -> int:
    """Return log2 e in Q30."""
    with localcontext() as context:
        context.prec = _DIGITS
        return _nearest(Q30_ONE / Decimal(2).ln())


@cache
def exp2_table() -> I64:
    """Return (64,) 2^(-i/64) in Q30."""
    with localcontext() as context:
        context.prec = 50
        return i64([_nearest(Decimal(2) ** (Decimal(-i) / 64) * Q30_ONE) for i in range(64)])


@cache
def sine_table() -> I64:
    """Return (1025,) sin(pi i / 2048) in Q30."""
    with localcontext() as context:
        context.prec = 60
        return i64([_nearest(_sine(pi() * i / 2048) * Q30_ONE) for i in range(1025)])


@cache
def sine_step() -> int:
    """Return 2 pi / 4096 in Q40."""
    with localcontext() as context:
        context.prec = _DIGITS
        return _nearest(2 * pi() / 4096 * (1 << 40))


@cache
def turn_q64() -> int:
    """Return 2^64 / 2 pi, rounded down."""
    with localcontext() as context:
        context.prec = _DIGITS
        return int(((1 << 64) / (2 * pi())).to_integral_value(ROUND_FLOOR))


@cache
def root_table() -> tuple[int, ...]:
    """Return ROOT[j] = floor(2^64 * 2^(-2^-j)) for j = 1 .. 56; element 0 is unused."""
    roots = [0]
    with localcontext() as context:
        context.prec = _DIGITS
        root = Decimal("0.5")
        for _ in range(56):
            root = root.sqrt()
            roots.append(int((root * (1 << 64)).to_integral_value(ROUND_FLOOR)))
    return tuple(roots)


def exp2_neg(x: ArrayLike) -> I64:
    """Return 2^-x in Q30 of x >= 0 in Q20."""
    a = i64(x)
    n, i, f = a >> 20, (a >> 14) & 63, a & 16383
    u = (f * ln2_q30()) >> 20
    p = Q30_ONE - u + ((u * u) >> 31)
    return i64(np.where(n > 30, 0, (exp2_table()[i] * p) >> (30 + np.minimum(n, 30))))


def sigmoid_from_exp(e: ArrayLike) -> I64:
    """Return 1 / (1 + e) in Q30 of e in Q30."""
    d = Q30_ONE + i64(e)
    c0, c1 = (24 * Q30_ONE * 2 + 17) // 34, (8 * Q30_ONE * 2 + 17) // 34
    r = c0 - ((c1 * d) >> 30)
    for _ in range(3):
        r = (r * ((1 << 31) - ((d * r) >> 30))) >> 30
    return i64(r)


def sincos(phase: U64) -> tuple[I64, I64]:
    """Return sine and cosine in Q30 of fractions of a turn, 2^64 being one."""
    p = np.asarray(phase, dtype=np.uint64)
    i = ((p >> np.uint64(52)) & np.uint64(1023)).astype(np.int64)
    within = ((p & np.uint64((1 << 52) - 1)) >> np.uint64(20)).astype(np.int64)
    quadrant = (p >> np.uint64(62)).astype(np.int64)
    theta = (within * sine_step()) >> 32
    w = (theta * theta) >> 51
    big_s, big_c = sine_table()[i], sine_table()[1024 - i]
    s = big_s - ((big_s * w) >> 30) + ((big_c * theta) >> 40)
    c = big_c - ((big_c * w) >> 30) - ((big_s * theta) >> 40)
    return (
        i64(np.choose(quadrant, [s, c, -s, -c])),
        i64(np.choose(quadrant, [c, -s, -c, s])),
    )


def rope_frequency(base_bits: int, i: int, d: int) -> int:
    """Return base^(-2i/d) / 2 pi in turns per position, 2^64 being one turn."""
    parts = f32_parts(base_bits)
    m, e = int(parts[0]), int(parts[1])
    if m <= 0 or m.bit_length() + e < 1 or (m.bit_length() + e > 31):
        raise ValueError("rope base out of (1, 2^30]")
    y = m << (64 - m.bit_length())
    k = m.bit_length() + e - 1
    fraction = 0
    for _ in range(56):
        square = y * y
        bit = square >> 127
        fraction = fraction << 1 | bit
        y = square >> 63 + bit
    x = ((k << 56) + fraction) * 2 * i // d
    r = turn_q64()
    for j in range(1, 57):
        if x >> (56 - j) & 1:
            r = (r * root_table()[j]) >> 64
    shift = x >> 56
    return r >> shift if shift <= 63 else 0


def turn_div_f32(turn: int, bits: int) -> int:
    """Return floor(turn / f) of a positive single, saturated at 2^64 - 1."""
    parts = f32_parts(bits)
    m, e = int(parts[0]), int(parts[1])
    if m <= 0:
        raise ValueError("divisor not above zero")
    quotient = (turn << -e) // m if e < 0 else turn // (m << e)
    return min(quotient, U64_MAX)


def isqrt(v: int) -> int:
    """Return the largest r with r * r <= v."""
    return math.isqrt(v)

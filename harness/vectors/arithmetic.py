# SPDX-License-Identifier: GPL-2.0
"""Vectors of fixed point and block floating point, from the twin."""

from collections.abc import Callable

import numpy as np

from harness.reference import fixedpoint as fp
from harness.vectors import Table, Words

N = 70
"""Elements of a vector: two blocks of 32 and a short one."""


def fixed() -> list[Table]:
    """Return the tables of fixed.h."""
    words = Words(1)
    shifts = [(words.signed(61), words.below(70)) for _ in range(24)]
    shifts += [(5, -3), (-5, -40), (-1, 1), (1, 1), (3, 1), (-3, 1), ((1 << 61) - 1, 62), (7, 63)]
    scales = [(words.signed(60), words.below(120) - 100) for _ in range(24)]
    scales += [(0, 5000), (1, 28), (-1, 28), (1, 29), (-1, 400), (3, -34), (-3, -34), (1, -5000)]
    exponents = [0, 1, 16383, 16384, (31 << 20) - 1, 31 << 20, 1 << 40, (1 << 62) + 5]
    exponents += [words.below(32 << 20) for _ in range(24)]
    sigmoids = [0, 1, fp.Q30_ONE - 1, fp.Q30_ONE, *(words.below(fp.Q30_ONE) for _ in range(20))]
    roots = [*range(5), (1 << 64) - 1, (1 << 62) - 1, 1 << 62]
    roots += [r * r + d for r in (words.below(1 << 32) for _ in range(8)) for d in (-1, 0)]
    phases = [0, 1, (1 << 62) - 1, 1 << 62, 1 << 63, (1 << 64) - 1, 3 << 62]
    phases += [words.below(1 << 63) * 2 for _ in range(17)]
    frequencies = [
        (fp.float_bits(base), i, d)
        for base, d in ((10000.0, 16), (500000.0, 128), (1.5, 12))
        for i in (0, 1, d // 2 - 1)
    ]
    quotients = [
        (turn, fp.float_bits(f))
        for turn in (1, 1 << 40, (1 << 64) - 1)
        for f in (1.0, 2.5, 1e-30, 3e30)
    ]
    return [
        Table(
            "shift_round",
            ("s64 v", "int s", "s64 y"),
            [(v, s, int(fp.shift_round(v, s))) for v, s in shifts],
        ),
        Table(
            "scale_to_q32",
            ("s64 v", "int e", "s64 y"),
            [(v, e, int(fp.to_q32(v, e))) for v, e in scales],
        ),
        Table("exp2_neg", ("u64 x", "s32 y"), [(x, int(fp.exp2_neg(x))) for x in exponents]),
        Table(
            "sigmoid_from_exp",
            ("s32 e", "s32 y"),
            [(e, int(fp.sigmoid_from_exp(e))) for e in sigmoids],
        ),
        Table("isqrt", ("u64 v", "u32 y"), [(v, fp.isqrt(v)) for v in roots if v >= 0]),
        Table("sincos_turn", ("u64 phase", "s32 sin", "s32 cos"), [_sincos(p) for p in phases]),
        Table(
            "rope_frequency",
            ("u32 base", "u32 i", "u32 d", "u64 y"),
            [(base, i, d, fp.rope_frequency(base, i, d)) for base, i, d in frequencies],
        ),
        Table(
            "turn_div_f32",
            ("u64 turn", "u32 bits", "u64 y"),
            [(turn, bits, fp.turn_div_f32(turn, bits)) for turn, bits in quotients],
        ),
        *_parts(words),
    ]


def _sincos(phase: int) -> tuple[int, int, int]:
    sin, cos = fp.sincos(np.uint64(phase))  # type: ignore[arg-type]
    return phase, int(sin), int(cos)


def _parts(words: Words) -> list[Table]:
    """Return the tables of decoded floats; a number that is not finite has no parts."""
    kinds: tuple[tuple[str, int, int, Callable[[int], tuple[fp.I64, fp.I64]]], ...] = (
        ("f32", 32, 23, fp.f32_parts),
        ("f16", 16, 10, fp.f16_parts),
        ("bf16", 16, 7, fp.bf16_parts),
    )
    tables = []
    for name, size, fraction, function in kinds:
        infinity = (1 << size - 1) - (1 << fraction)
        given = [0, 1, 1 << size - 1, infinity - 1, infinity, infinity + 1, (1 << size) - 1]
        given += [words.below(1 << size) for _ in range(9)]
        rows: list[tuple[int | str, ...]] = []
        for bits in given:
            try:
                m, e = function(bits)
                rows.append((bits, int(m), int(e), 0))
            except ValueError:
                rows.append((bits, 0, 0, "-ERANGE"))
        tables.append(Table(f"{name}_parts", (f"u{size} bits", "s32 m", "s32 e", "int err"), rows))
    return tables


def bfp() -> list[Table]:
    """Return the table of bfp.h."""
    words = Words(2)
    vectors = [words.vector(N, bits) for bits in (61, 48, 40, 23, 15, 8)]
    vectors += [[0] * N, [32767] * N, [-(1 << 40)] * N, [0] * 69 + [1 << 60]]
    rows = []
    for i, v in enumerate(vectors):
        e = 7 * i - 50
        quantized, one, (a, shift) = fp.quantize(v, e), fp.quantize1(v, e), fp.normalize(v)
        rows.append(
            (
                *(v, e, quantized.q.tolist(), quantized.h.tolist(), int(quantized.e)),
                *(one.q.tolist(), int(one.e), a.tolist(), int(shift)),
            )
        )
    fields = (
        *(f"s64 v[{N}]", "int e", f"s16 q[{N}]", f"u8 h[{-(-N // 32)}]", "int e_q"),
        *(f"s16 q1[{N}]", "int e_q1", f"s32 a[{N}]", "int shift"),
    )
    return [Table("bfp", fields, rows)]

# SPDX-License-Identifier: GPL-2.0
"""Random and extreme bytes of weight rows; every float is finite."""

import numpy as np
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

from harness.models.weight_types import BLOCK_TYPES
from harness.reference.weights import FLOATS, FORMATS, row_size

TYPES = [*FLOATS, *FORMATS]
"""All tensor types of the core."""

STYLES = ["ordinary", "any", "largest", "smallest", "zero"]
"""Styles of the floats in a row; "zero" makes some rows and some blocks zero.

More styles serve single F32 tensors: "spread" covers the range of Q32 element by element,
"columns" column by column, "ramp" halves every other column, "one" has one nonzero element
in each row, "null" has none.
"""

SCALES_AT = {t.kind: (t.scale,) if t.minimum is None else (t.scale, t.minimum) for t in BLOCK_TYPES}
"""Byte offsets of the float16 values in a block, keyed by type."""

ORDINARY = {
    Type.F32: (-4,),
    Type.F16: (-4,),
    Type.BF16: (-4,),
    Type.Q4_0: (-6,),
    Type.Q4_1: (-7, -4),
    Type.Q5_0: (-7,),
    Type.Q5_1: (-8, -4),
    Type.Q8_0: (-10,),
    Type.Q2_K: (-8, -7),
    Type.Q3_K: (-9,),
    Type.Q4_K: (-12, -9),
    Type.Q5_K: (-13, -9),
    Type.Q6_K: (-14,),
}
"""Exponents of a block's floats that give weights near 1/10; -8 for types not listed."""

_BITS = {Type.F32: (8, 23), Type.F16: (5, 10), Type.BF16: (8, 7)}


def random_floats(
    rng: np.random.Generator, kind: Type, shape: tuple[int, ...], style: str, middle: int = 0
) -> NDArray[np.uint32]:
    """Return the bits of finite floats of a type; "ordinary" ones lie near 2^middle."""
    exponent_bits, fraction_bits = _BITS[kind]
    largest = (1 << exponent_bits) - 2
    bias = (1 << exponent_bits - 1) - 1
    sign = rng.integers(0, 2, shape)
    fraction = rng.integers(0, 1 << fraction_bits, shape)
    if style == "any":
        exponent = rng.integers(0, largest + 1, shape)
    elif style == "largest":
        exponent = np.full(shape, largest)
        fraction = np.full(shape, (1 << fraction_bits) - 1)
    elif style == "spread":
        exponent = rng.integers(bias - 34, bias + 31, shape)
    elif style == "columns":
        exponent = np.broadcast_to(rng.integers(bias - 34, bias + 31, shape[-1]), shape)
    elif style == "ramp":
        exponent = np.broadcast_to(bias + middle - np.arange(shape[-1]) // 2, shape)
    elif style == "smallest":
        exponent = np.zeros(shape, dtype=np.int64)
    else:
        exponent = np.maximum(rng.integers(-2, 2, shape) + middle + bias, 0)
    bits = sign << exponent_bits + fraction_bits | exponent << fraction_bits | fraction
    if style == "zero":
        bits = np.where(rng.integers(0, 2, shape) == 1, bits, sign << exponent_bits + fraction_bits)
        bits[: bits.shape[0] // 2] = 0
    elif style == "one":
        bits = np.where(
            np.arange(shape[-1]) == rng.integers(0, shape[-1], (*shape[:-1], 1)), bits, 0
        )
    elif style == "null":
        bits = np.zeros(shape, dtype=np.int64)
    return bits.astype(np.uint32)


def random_rows(
    rng: np.random.Generator,
    kind: Type,
    rows: int,
    n: int,
    style: str,
    middles: tuple[int, ...] | None = None,
) -> NDArray[np.uint8]:
    """Return (rows, row_size(kind, n)) bytes; "largest" makes many codes extreme too."""
    if middles is None:
        middles = ORDINARY.get(kind) or (-8,) * len(SCALES_AT[kind])
    if kind in FLOATS:
        dtype = FLOATS[kind][0]
        return random_floats(rng, kind, (rows, n), style, middles[0]).astype(dtype).view(np.uint8)
    fmt = FORMATS[kind]
    blocks = rng.integers(0, 256, (rows, n // fmt.elements, fmt.bytes), dtype=np.uint8)
    if style == "largest":
        # whole rows with all bits clear, all set, only signs set, and random bits
        blocks[0::4] = 0x00
        blocks[1::4] = 0xFF
        blocks[2::4] = 0x80
    for at, middle in zip(SCALES_AT[kind], middles, strict=True):
        halves = random_floats(rng, Type.F16, blocks.shape[:2], style, middle)
        blocks[..., at] = halves & 0xFF
        blocks[..., at + 1] = halves >> 8
    return blocks.reshape(rows, row_size(kind, n))

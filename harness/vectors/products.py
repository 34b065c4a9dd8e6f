# SPDX-License-Identifier: GPL-2.0
"""Vectors of matrix products of each type, from the twin."""

import numpy as np
from gguf import GGMLQuantizationType as Type

from harness.models.synthetic import Tensor, tensor_bytes
from harness.models.weight_types import COMPUTED
from harness.reference import fixedpoint as fp
from harness.reference.weights import FLOATS, FORMATS, Matrix, row_size
from harness.vectors import Table, Words

ROWS = 17
"""Number of rows: a tile of sixteen, and one more."""

TOKENS = 17
"""Number of tokens: enough that codes are unpacked before the products."""

EXPONENT = -32
LONGEST = 256


def _elements(kind: Type) -> int:
    """Return the length of a row; that of F32 ends in a short block, which lies in no tile."""
    return 70 if kind == Type.F32 else 96 if kind in FLOATS else max(96, FORMATS[kind].elements)


def weights() -> list[Table]:
    """Return the tables of weights.h; vector t is ``product_input``[t, t + n_in)."""
    stream = Words(3).vector(LONGEST + TOKENS - 1, 40)
    rows: list[tuple[bytes | int | str | list[int], ...]] = []
    for kind in COMPUTED:
        n = _elements(kind)
        raw = tensor_bytes(1, Tensor(kind.name, kind, ROWS, n)).reshape(ROWS, row_size(kind, n))
        x = fp.quantize([stream[t : t + n] for t in range(TOKENS)], [EXPONENT] * TOKENS)
        y = Matrix(kind, raw, n).product(x)
        size = raw.size
        padded = np.concatenate([raw.reshape(-1), np.zeros(-size % 8, dtype=np.uint8)])
        rows.append(
            (
                *(kind.name.encode(), f"GGML_TYPE_{kind.name}", n, size),
                *(padded.view("<u8").tolist(), y.reshape(-1).tolist()),
            )
        )
    words = max(len(row[4]) for row in rows if isinstance(row[4], list))
    fields = ("const char *name", "u32 type", "u32 n_in", "u32 size")
    return [
        Table("product_input", ("s64 v",), [(v,) for v in stream]),
        Table("product", (*fields, f"u64 data[{words}]", f"s64 y[{TOKENS * ROWS}]"), rows),
    ]

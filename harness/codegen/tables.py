# SPDX-License-Identifier: GPL-2.0
"""The fixed-point tables and constants of docs/numerics.md, section 4."""

import math
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext

from harness.codegen import template

PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")


def _fixed(value: Decimal, bits: int, rounding: str = ROUND_HALF_UP) -> int:
    return int((value * (1 << bits)).to_integral_value(rounding=rounding))


def render() -> dict[str, str]:
    """Return ``generated/constants.h`` and ``generated/tables.h``."""
    with localcontext() as context:
        context.prec = 60
        two = Decimal(2)
        ln2 = two.ln()
        tables = template("tables.h.j2").render(
            exp2=[_fixed(two ** (Decimal(-i) / 64), 30) for i in range(64)],
            # A double has 23 bits more than Q30.
            sine=[round(math.sin(math.pi * i / 2048) * 2**30) for i in range(1025)],
            root=[_fixed(two ** (-(two**-j)), 64, ROUND_FLOOR) for j in range(1, 57)],
        )
        constants = template("constants.h.j2").render(
            ln2=_fixed(ln2, 30),
            log2e=_fixed(1 / ln2, 30),
            c0=_fixed(Decimal(24) / 17, 30),
            c1=_fixed(Decimal(8) / 17, 30),
            step=_fixed(2 * PI / 4096, 40),
            turn=_fixed(1 / (2 * PI), 64, ROUND_FLOOR),
        )
    return {
        "kmod/ggml_kernel/arithmetic/generated/constants.h": constants,
        "kmod/ggml_kernel/arithmetic/generated/tables.h": tables,
    }

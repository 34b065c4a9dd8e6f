# SPDX-License-Identifier: GPL-2.0
"""The vectors of harness/vectors as C, for the KUnit suites."""

import re
import textwrap
from collections.abc import Sequence

from harness.codegen import template
from harness.vectors import Cell, Table, arithmetic, files, products, sampling, text

HEADERS = {
    "fixed": arithmetic.fixed,
    "bfp": arithmetic.bfp,
    "weights": products.weights,
    "sampler": sampling.sampler,
    "confidence": sampling.confidence,
    "stop": text.stop,
    "utf8": text.utf8,
    "tokenizer": text.tokens,
    "chat": text.chat,
    "gguf": files.gguf,
    "llama": files.llama,
}
"""Functions that make each header's tables."""

_PLAIN = re.compile(rb"[ !#-\[\]-~]")
_SPACE = "\x01"
"""Placeholder for a space in a literal, so that lines are wrapped between cells only."""


def _string(data: bytes) -> str:
    plain = (chr(b) if _PLAIN.fullmatch(bytes([b])) else f"\\{b:03o}" for b in data)
    return f'"{"".join(plain)}"'.replace(" ", _SPACE)


def _cell(declaration: str, value: Cell) -> str:
    if isinstance(value, bytes):
        return _string(value)
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return f"{{ {', '.join(_cell(declaration, v) for v in value)} }}"
    if declaration.startswith("u64"):
        return f"{value:#x}ull"
    if declaration.startswith("u32") and value > 0x7FFFFFFF:
        return f"{value:#x}u"
    return str(value)


def _rows(table: Table) -> str:
    """Return the initialisers of a table, wrapped."""
    lines = []
    for row in table.rows:
        cells = ", ".join(_cell(f, v) for f, v in zip(table.fields, row, strict=True))
        wrapped = textwrap.wrap(
            f"{{ {cells} }},",
            width=92,
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += [f"\t{line}".replace(_SPACE, " ") for line in wrapped]
    return "\n".join(lines)


def render() -> dict[str, str]:
    """Return ``kmod/tests/generated/*.h``."""
    return {
        f"kmod/tests/generated/{name}.h": template("vectors.h.j2").render(
            name=name, tables=[(table, _rows(table)) for table in tables()]
        )
        for name, tables in HEADERS.items()
    }

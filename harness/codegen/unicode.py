# SPDX-License-Identifier: GPL-2.0
"""Unicode's letters, numbers and white space as ranges of code points.

The properties come from the package unicodedata2, pinned in pyproject.toml,
because Python's own table changes with Python. docs/tokenizers.md says which
version of Unicode that is, and why.
"""

from collections.abc import Callable

import unicodedata2

from harness.codegen import template

SPACES = (
    *((0x09, 0x0D), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680)),
    *((0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)),
)
"""White_Space of PropList.txt, unchanged since Unicode 6.3; unicodedata2 does not have it."""

Range = tuple[int, int]


def ranges(holds: Callable[[int], bool]) -> list[Range]:
    """Return the first and last code points of each longest range where ``holds``."""
    found: list[Range] = []
    for cp in range(0x110000):
        if not holds(cp):
            continue
        if found and found[-1][1] == cp - 1:
            found[-1] = (found[-1][0], cp)
        else:
            found.append((cp, cp))
    return found


def category(letter: str) -> Callable[[int], bool]:
    """Return a test for code points whose general category begins with ``letter``."""
    return lambda cp: bool(unicodedata2.category(chr(cp)).startswith(letter))


def render() -> dict[str, str]:
    """Return ``generated/unicode_tables.h``."""
    classes = [
        *((low, high, "LETTER") for low, high in ranges(category("L"))),
        *((low, high, "NUMBER") for low, high in ranges(category("N"))),
        *((low, high, "SPACE") for low, high in SPACES),
    ]
    text = template("unicode_tables.h.j2").render(
        version=unicodedata2.unidata_version, classes=sorted(classes)
    )
    return {"kmod/ggml_kernel/text/generated/unicode_tables.h": text}

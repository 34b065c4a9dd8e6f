# SPDX-License-Identifier: GPL-2.0
"""Vectors: inputs of the core's functions, and the integers that they must return.

Expected results never come from the core: they come from :mod:`harness.reference`, from Python
and from independent libraries. ``generate-headers`` writes the tables as headers for the KUnit
suites (``kmod/tests``); ``tests/core/test_vectors.py`` compares the userspace library with the
same tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Cell = int | bytes | str | Sequence[int]
"""A number, a text, a name that C knows, or an array."""


@dataclass(frozen=True)
class Table:
    """Cases of one function; ``fields`` are C declarations such as ``u32 ids[8]``."""

    name: str
    fields: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]

    def __post_init__(self) -> None:
        if not self.rows or any(len(row) != len(self.fields) for row in self.rows):
            raise ValueError(f"{self.name}: no rows, or not as many cells as fields")


class Words:
    """Random numbers, the same ones with every version of numpy."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.Philox(key=seed)

    def below(self, limit: int) -> int:
        """Return a number from 0 to limit - 1, for a limit far below 2^64."""
        return int(self._bits.random_raw()) % limit

    def signed(self, bits: int) -> int:
        """Return a number of either sign whose length is uniform up to ``bits`` bits."""
        magnitude = int(self._bits.random_raw()) >> (64 - bits) >> self.below(bits)
        return -magnitude if self.below(2) else magnitude

    def vector(self, n: int, bits: int) -> list[int]:
        """Return (n,) numbers below 2^bits in magnitude; blocks of 32 differ in size."""
        quiet = [self.below(14) for _ in range(-(-n // 32))]
        return [self.signed(bits) >> quiet[i // 32] for i in range(n)]

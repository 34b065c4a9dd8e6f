# SPDX-License-Identifier: GPL-2.0
"""The table of weight types that the core computes with.

The generated C tables, the twin and the tests read it. A new type in blocks is a line here, a
function that unpacks it in the core (``arithmetic/block_type.c``), and one in the twin
(``harness/reference/weights.py``).
"""

from dataclasses import dataclass

from gguf.constants import GGML_QUANT_SIZES
from gguf.constants import GGMLQuantizationType as Type


@dataclass(frozen=True)
class BlockType:
    """A type of weights in blocks, as the core multiplies it: docs/numerics.md, section 3."""

    kind: Type
    scale: int
    """Byte offset of a block's scale."""
    minimum: int | None
    """Byte offset of a block's minimum."""
    offset: int
    """Subtracted from an unsigned code."""
    sub_block: int = 0
    """Elements of a sub-block; 0 for a type without sub-blocks."""
    shift: int = 0
    """Rounding shift of a block's scaled sum."""
    minima_shift: int = 0
    """Rounding shift of the sum of a block's minima."""

    @property
    def name(self) -> str:
        """Name as people write it."""
        return self.kind.name

    @property
    def elements(self) -> int:
        """Elements of a block."""
        return int(GGML_QUANT_SIZES[self.kind][0])

    @property
    def bytes(self) -> int:
        """Bytes of a block."""
        return int(GGML_QUANT_SIZES[self.kind][1])

    @property
    def words(self) -> int:
        """4-byte words of a block besides its scale and minimum."""
        return (self.bytes - (2 if self.minimum is None else 4)) // 4


BLOCK_TYPES = (
    BlockType(Type.Q4_0, 0, None, 8),
    BlockType(Type.Q4_1, 0, 2, 0),
    BlockType(Type.Q5_0, 0, None, 16),
    BlockType(Type.Q5_1, 0, 2, 0),
    BlockType(Type.Q8_0, 0, None, 0),
    BlockType(Type.Q2_K, 80, 82, 0, 16, 6, 4),
    BlockType(Type.Q3_K, 108, None, 4, 16, 7),
    BlockType(Type.Q4_K, 0, 2, 0, 32, 10, 6),
    BlockType(Type.Q5_K, 0, 2, 0, 32, 11, 6),
    BlockType(Type.Q6_K, 208, None, 32, 16, 12),
)
"""Types in blocks that the core computes with, by their numbers in files."""

COMPUTED = (Type.F32, Type.F16, *(t.kind for t in BLOCK_TYPES), Type.BF16)
"""All types that the core computes with, by their numbers in files."""

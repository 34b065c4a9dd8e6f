# SPDX-License-Identifier: GPL-2.0
"""Weight types that the core computes with."""

from gguf.constants import GGMLQuantizationType as Type

COMPUTED = (
    Type.F32,
    Type.F16,
    Type.Q4_0,
    Type.Q4_1,
    Type.Q5_0,
    Type.Q5_1,
    Type.Q8_0,
    Type.Q2_K,
    Type.Q3_K,
    Type.Q4_K,
    Type.Q5_K,
    Type.Q6_K,
    Type.BF16,
)
"""The types that the core computes with, by their numbers in files."""

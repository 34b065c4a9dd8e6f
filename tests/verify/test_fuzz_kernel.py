# SPDX-License-Identifier: GPL-2.0
"""Programs that were worth keeping, in a kernel that looks for faults and tells what they reach."""

import pytest

from harness.checks import fuzz_kernel
from harness.checks.fuzz_kernel import SEEDS

pytestmark = [
    pytest.mark.debug_kernel("x86_64/kasan"),
    pytest.mark.judged_by("kasan"),
]

REACHED = 0.6
"""Number of the module's blocks to reach: fewer than seen, since runs differ."""


def test_the_seeds_break_nothing(arch: str, kernel: str) -> None:
    report = fuzz_kernel.run(0, arch=arch, kernel=kernel, corpus=SEEDS, mode="replay")
    assert report.executions == len(fuzz_kernel.load(SEEDS))
    assert report.blocks > REACHED * report.sites, report.missed

# SPDX-License-Identifier: GPL-2.0
"""Run the fuzzer's seed programs in a kernel with sanitizers and coverage."""

import pytest

from harness.checks import fuzz_kernel
from harness.checks.fuzz_kernel import SEEDS

pytestmark = [
    pytest.mark.debug_kernel("x86_64/kasan"),
    pytest.mark.judged_by("kasan"),
]

REACHED = 0.6
"""Minimum share of the module's blocks that the seeds reach; runs differ and reach more."""


def test_the_seeds_break_nothing(arch: str, kernel: str) -> None:
    report = fuzz_kernel.run(0, arch=arch, kernel=kernel, corpus=SEEDS, mode="replay")
    assert report.executions == len(fuzz_kernel.load(SEEDS))
    assert report.blocks > REACHED * report.sites, report.missed

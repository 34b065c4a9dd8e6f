# SPDX-License-Identifier: GPL-2.0
"""Check that the KUnit suites pass in kernels with sanitizers, on both architectures."""

import pytest

from harness.checks import kunit

pytestmark = pytest.mark.debug_kernel("kasan", "kcsan")


def test_the_suites_pass(arch: str, kernel: str) -> None:
    report = kunit.run(arch, kernel)
    assert report.failures == ()
    assert report.suites

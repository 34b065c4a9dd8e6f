# SPDX-License-Identifier: GPL-2.0
"""Every fuzz target: its seeds, and half a minute of new inputs."""

import pytest

from harness.checks import fuzz_core

SECONDS = 30


@pytest.mark.timeout(600)
@pytest.mark.parametrize("target", fuzz_core.targets())
def test_finds_nothing(target: str) -> None:
    result = fuzz_core.run(target, SECONDS)
    assert result.seeds > 0
    assert result.executions > 1000
    assert result.coverage > 50

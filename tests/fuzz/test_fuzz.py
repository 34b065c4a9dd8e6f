# SPDX-License-Identifier: GPL-2.0
"""Every fuzz target: its seeds, and half a minute of looking for more."""

import pytest

from harness import fuzz

SECONDS = 30


@pytest.mark.timeout(600)
@pytest.mark.parametrize("target", fuzz.targets())
def test_finds_nothing(target: str) -> None:
    result = fuzz.run(target, SECONDS)
    assert result.seeds > 0
    assert result.executions > 1000
    assert result.coverage > 50

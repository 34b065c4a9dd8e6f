# SPDX-License-Identifier: GPL-2.0
"""Every fuzz target: its seeds, and a short search; `python -m harness fuzz` searches for long."""

import pytest

from harness.checks import fuzz_core

SECONDS = 5


@pytest.mark.seconds(8)
@pytest.mark.parametrize("target", fuzz_core.targets())
def test_finds_nothing(target: str) -> None:
    result = fuzz_core.run(target, SECONDS)
    assert result.seeds > 0
    assert result.executions > result.seeds + 50
    assert result.coverage > 50

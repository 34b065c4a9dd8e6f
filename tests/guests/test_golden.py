# SPDX-License-Identifier: GPL-2.0
"""The golden integers, out of /proc/llamux/logits on both architectures."""

import guest_lab
import pytest
from guest_lab import loaded, logits_sha256

from harness import goldens
from harness.guest import Guest

GOLDENS = goldens.load()


def test_every_type_is_there() -> None:
    assert len({golden.recipe.kind for golden in GOLDENS}) >= 13
    assert not all(golden.tiny for golden in GOLDENS)


@pytest.mark.parametrize("golden", GOLDENS, ids=[golden.name for golden in GOLDENS])
def test_golden(lab: Guest, golden: goldens.Golden) -> None:
    # One token at a time is the slow way: batches of 13 divide no fixture's length.
    batches = (1, 13) if golden.tiny else (13,)
    with loaded(lab, guest_lab.golden_path(golden)):
        for batch in batches:
            assert logits_sha256(lab, golden.tokens, batch) == golden.sha256, batch

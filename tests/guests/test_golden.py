# SPDX-License-Identifier: GPL-2.0
"""Check the golden integers in /proc/llamux/logits on both architectures."""

import pytest

from harness.guests.guest import Guest
from harness.vectors import goldens
from tests.support import lab as guest_lab
from tests.support.lab import loaded, logits_sha256

pytestmark = pytest.mark.debug_kernel("kasan", "kcsan")

GOLDENS = goldens.load()


def test_every_type_is_there() -> None:
    assert len({golden.recipe.kind for golden in GOLDENS}) >= 13
    assert not all(golden.tiny for golden in GOLDENS)


@pytest.mark.parametrize("golden", GOLDENS, ids=[golden.name for golden in GOLDENS])
def test_golden(lab: Guest, golden: goldens.Golden) -> None:
    # Batches of one token are slow; a batch of 13 divides no golden's length.
    batches = (1, 13) if golden.tiny else (13,)
    with loaded(lab, guest_lab.golden_path(golden)):
        for batch in batches:
            assert logits_sha256(lab, golden.tokens, batch) == golden.sha256, batch

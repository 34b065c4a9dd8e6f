# SPDX-License-Identifier: GPL-2.0
"""Check that the data race detector sees a race in a module.

`make verify` first runs the guest tests on this kernel.
"""

import pytest

from harness.guests import errors
from harness.guests.guest import MODULE_PATH, Guest
from harness.host.paths import ROOT
from harness.kernels import module as kbuild_module

pytestmark = [
    pytest.mark.debug_kernel("kcsan"),
    pytest.mark.judged_by("kcsan"),
]


def test_a_race_is_seen(kernel: str) -> None:
    module = kbuild_module.build_module("x86_64", kernel, ROOT / "fixtures" / "faults")
    with (
        Guest("x86_64", kernel, load_module=False, module=module) as guest,
        pytest.raises(errors.GuestBug) as caught,
    ):
        guest.run(f"insmod {MODULE_PATH} kind=race", timeout=60)
    assert "BUG: KCSAN: data-race in " in caught.value.log

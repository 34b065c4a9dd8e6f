# SPDX-License-Identifier: GPL-2.0
"""Check that kernels with sanitizers find every processor of their machine."""

import pytest

from harness.guests.guest import Guest

pytestmark = [
    pytest.mark.debug_kernel("x86_64/kasan", "aarch64/kasan", "kcsan", "latency"),
    pytest.mark.judged_by("kasan", "kcsan"),
]


def test_every_processor_is_there(arch: str, kernel: str) -> None:
    with Guest(arch, kernel, smp=4, load_module=False) as guest:
        assert guest.check("grep -c ^processor /proc/cpuinfo") == "4\n"
        assert guest.check("cat /sys/devices/system/cpu/online") == "0-3\n"
        guest.assert_clean_log()

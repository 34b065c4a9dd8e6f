# SPDX-License-Identifier: GPL-2.0
"""Check that kernels with sanitizers find every processor of their machine."""

from harness.guests.guest import Guest


def test_every_processor_is_there(arch: str, kernel: str) -> None:
    with Guest(arch, kernel, smp=4, load_module=False) as guest:
        assert guest.check("grep -c ^processor /proc/cpuinfo") == "4\n"
        assert guest.check("cat /sys/devices/system/cpu/online") == "0-3\n"
        guest.assert_clean_log()

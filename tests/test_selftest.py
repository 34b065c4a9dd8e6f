# SPDX-License-Identifier: GPL-2.0
"""What the module does when it is loaded: hold every path against the generic one."""

import ctypes

from harness.core import library, usable_isas


def test_every_path_passes() -> None:
    lib = library()
    lib.llamuxu_selftest.restype = ctypes.c_char_p
    assert len(usable_isas()) > 1
    assert [lib.llamuxu_selftest(i) for i in range(8)] == [None] * 8

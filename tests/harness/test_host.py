# SPDX-License-Identifier: GPL-2.0
"""Set-up of the host, and the choice of acceleration."""

import pytest

from harness.guests import qemu
from harness.host import packages
from harness.host.architectures import ARCHITECTURES, host_architecture
from harness.host.errors import UsageError
from harness.kernels import find


def test_missing_packages_are_found() -> None:
    assert packages.missing(["libc6", "no-such-package-anywhere"]) == ["no-such-package-anywhere"]
    assert packages.missing(packages.TESTS) == []


def test_a_foreign_guest_is_emulated() -> None:
    (foreign,) = [arch for arch in ARCHITECTURES.values() if arch.debian != host_architecture()]
    chosen = qemu.choose(find.kernel(foreign, "6.1"))
    assert chosen.name == "tcg"
    assert "host" in chosen.reason


def test_an_acceleration_can_be_asked_for() -> None:
    kernel = find.kernel(ARCHITECTURES["x86_64"], "6.1")
    assert str(qemu.choose(kernel, "tcg")) == "TCG (as asked)"
    with pytest.raises(UsageError):
        qemu.choose(kernel, "hvf")


def test_an_unknown_kernel_is_refused() -> None:
    with pytest.raises(UsageError, match=r"6\.12"):
        find.kernel(ARCHITECTURES["x86_64"], "2.4")

# SPDX-License-Identifier: GPL-2.0
"""Set-up of the host, and the choice of acceleration."""

import pytest

from harness import kernels, qemu, setup_system
from harness.architectures import ARCHITECTURES, host_architecture
from harness.errors import UsageError


def test_missing_packages_are_found() -> None:
    assert setup_system.missing(["libc6", "no-such-package-anywhere"]) == [
        "no-such-package-anywhere"
    ]
    assert setup_system.missing(setup_system.TESTS) == []


def test_a_foreign_guest_is_emulated() -> None:
    (foreign,) = [arch for arch in ARCHITECTURES.values() if arch.debian != host_architecture()]
    chosen = qemu.choose(kernels.kernel(foreign, "6.1"))
    assert chosen.name == "tcg"
    assert "host" in chosen.reason


def test_an_acceleration_can_be_asked_for() -> None:
    kernel = kernels.kernel(ARCHITECTURES["x86_64"], "6.1")
    assert str(qemu.choose(kernel, "tcg")) == "TCG (as asked)"
    with pytest.raises(UsageError):
        qemu.choose(kernel, "hvf")


def test_an_unknown_kernel_is_refused() -> None:
    with pytest.raises(UsageError, match=r"6\.12"):
        kernels.kernel(ARCHITECTURES["x86_64"], "2.4")

# SPDX-License-Identifier: GPL-2.0
"""The machines that guests are: one record each."""

import platform
from dataclasses import dataclass

from harness.host.errors import UsageError

KERNELS = ("6.1", "6.12")
"""The Debian kernel series that the module is built for and booted on."""

DEBUG_KERNELS = ("6.12-kasan", "6.12-kcsan", "6.12-latency")
"""Kernels of our own that look for faults while they run."""


@dataclass(frozen=True)
class Architecture:
    """Facts of a guest architecture."""

    name: str
    debian: str
    """Debian's name of the architecture."""
    kbuild: str
    """The kernel's ``ARCH=``."""
    compiler_prefix: str
    """Debian's cross prefix; used where the host is of another architecture."""
    console: str
    first_port: int
    """Number of the first ``ttyS`` after the console."""
    series: tuple[str, ...] = KERNELS
    """The kernel series there are for it, the default first."""
    debug_series: tuple[str, ...] = ()
    """Series of kernels for `make verify` and for people."""
    emulator: str = ""
    """Nothing where a kernel is a program of the host."""
    machine: str = ""
    tcg_cpu: str = ""
    """The CPU model that boots quickest under TCG and still has the SIMD the module knows."""

    @property
    def ports(self) -> tuple[str, str, str]:
        """Guest names of the control, output and error ports, in this order."""
        first = self.first_port
        return (f"ttyS{first}", f"ttyS{first + 1}", f"ttyS{first + 2}")

    @property
    def processor(self) -> str:
        """Machine that the guests' programs are compiled for."""
        return next(name for name, arch in ARCHITECTURES.items() if arch.debian == self.debian)


ARCHITECTURES = {
    "x86_64": Architecture(
        name="x86_64",
        debian="amd64",
        kbuild="x86_64",
        compiler_prefix="x86_64-linux-gnu-",
        emulator="qemu-system-x86_64",
        machine="pc",
        tcg_cpu="max,la57=off",
        console="ttyS0",
        first_port=1,
        debug_series=DEBUG_KERNELS,
    ),
    "aarch64": Architecture(
        name="aarch64",
        debian="arm64",
        kbuild="arm64",
        compiler_prefix="aarch64-linux-gnu-",
        emulator="qemu-system-aarch64",
        machine="virt",
        tcg_cpu="max,pauth=off,sve=off,lpa2=off",
        console="ttyAMA0",
        first_port=0,
        debug_series=("6.12-kasan",),
    ),
}
"""Architectures of guests in an emulator."""

UML = Architecture(
    name="uml",
    debian="amd64",
    kbuild="um",
    compiler_prefix="x86_64-linux-gnu-",
    console="ttyS0",
    first_port=1,
    series=("6.12",),
    debug_series=("6.12-kasan",),
)
"""User-mode Linux: a kernel that is a program of an x86_64 host."""

GUESTS = {**ARCHITECTURES, UML.name: UML}
"""All that a guest can be."""


def architecture(name: str) -> Architecture:
    """The record called `name`."""
    try:
        return GUESTS[name]
    except KeyError:
        known = ", ".join(GUESTS)
        raise UsageError(f"no architecture {name!r}: choose one of {known}") from None


def host_architecture() -> str:
    """Debian's name of the architecture this program runs on."""
    return architecture(platform.machine()).debian

# SPDX-License-Identifier: GPL-2.0
"""Architectures of guests: one record each."""

import platform
from dataclasses import dataclass

from harness.host.errors import UsageError

KERNELS = ("6.1", "6.12")
"""Debian kernel series that the module is built for and booted on."""

DEBUG_KERNELS = ("6.12-kasan", "6.12-kcsan", "6.12-latency")
"""Debug kernels: see :mod:`harness.kernels.debug`."""


@dataclass(frozen=True)
class Architecture:
    """Differences between guest architectures."""

    name: str
    debian: str
    """Debian's name of the architecture."""
    kbuild: str
    """Value of the kernel's ``ARCH=``."""
    compiler_prefix: str
    """Debian's cross prefix; used if the host has another architecture."""
    console: str
    first_port: int
    """Number of the first ``ttyS`` after the console."""
    series: tuple[str, ...] = KERNELS
    """Kernel series, the default first."""
    debug_series: tuple[str, ...] = ()
    """Debug kernels, which are used only if asked for."""
    emulator: str = ""
    """Name of the emulator; "" for User-mode Linux."""
    machine: str = ""
    tcg_cpu: str = ""
    """CPU model that boots fastest under TCG and has every instruction set that the module uses."""

    @property
    def ports(self) -> tuple[str, str, str]:
        """Names in the guest of the control, output and error ports, in this order."""
        first = self.first_port
        return (f"ttyS{first}", f"ttyS{first + 1}", f"ttyS{first + 2}")

    @property
    def processor(self) -> str:
        """Name of the architecture that programs of its guests are compiled for."""
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
"""Architectures that an emulator runs, by name."""

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
"""All architectures, by name."""


def architecture(name: str) -> Architecture:
    """Return the record called `name`. Raises UsageError if there is none."""
    try:
        return GUESTS[name]
    except KeyError:
        known = ", ".join(GUESTS)
        raise UsageError(f"no architecture {name!r}: choose one of {known}") from None


def host_architecture() -> str:
    """Return Debian's name of the architecture that this program runs on."""
    return architecture(platform.machine()).debian

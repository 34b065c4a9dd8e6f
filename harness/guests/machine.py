# SPDX-License-Identifier: GPL-2.0
"""Machines that run a guest's kernel: an emulator, or the kernel as a program of the host."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.kernels.kernel import Kernel

PORTS = ("console", "control", "output", "errors")
"""The serial ports of a guest, the first of ttyS first."""


@dataclass(frozen=True)
class Acceleration:
    """How guest code is executed, and why so."""

    name: str
    """``kvm``, ``tcg`` or ``uml``."""
    reason: str

    def __str__(self) -> str:
        return f"{self.name.upper()} ({self.reason})"


@dataclass(frozen=True)
class Files:
    """Files of a guest beside its programs, by path in the guest."""

    copied: Mapping[str, bytes | Path]
    """Put in its initial file system."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Symbolic links and their targets."""


class Machine(Protocol):
    """Made for one guest; closed by it."""

    kernel: Kernel
    acceleration: Acceleration

    def files(self, files: Mapping[str, bytes | Path]) -> Files:
        """How the guest gets these files."""

    def command_line(self, initrd_fd: int, ports: Mapping[str, int]) -> list[str]:
        """The program and its arguments; `ports` maps PORTS to descriptors it inherits."""

    def environment(self) -> dict[str, str]:
        """The program's."""

    def close(self) -> None:
        """Undo what the others have done. The program has ended."""

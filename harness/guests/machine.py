# SPDX-License-Identifier: GPL-2.0
"""Machine of a guest: an emulator, or the kernel itself as a program of the host."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.kernels.kernel import Kernel


@dataclass(frozen=True)
class Acceleration:
    """How guest code is executed, and the reason for it."""

    name: str
    """``kvm``, ``tcg`` or ``uml``."""
    reason: str

    def __str__(self) -> str:
        return f"{self.name.upper()} ({self.reason})"


@dataclass(frozen=True)
class GuestFiles:
    """Files of a guest beside its programs, by path in the guest."""

    copied: Mapping[str, bytes | Path]
    """Files that its initial file system has."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Symbolic links and their targets."""


class Machine(Protocol):
    """Command line, files and environment of a machine. Made for one guest, and closed by it."""

    kernel: Kernel
    acceleration: Acceleration

    def files(self, files: Mapping[str, bytes | Path]) -> GuestFiles:
        """Return how the guest gets these files. Called before :meth:`command_line`."""

    def command_line(self, initrd_fd: int, ports: Mapping[str, int]) -> list[str]:
        """Return the program and its arguments.

        `ports` maps the names in :data:`harness.guests.ports.PORTS` to descriptors that the
        program inherits.
        """

    def environment(self) -> dict[str, str]:
        """Return the program's environment."""

    def close(self) -> None:
        """Remove what the other methods have made. The program has ended."""

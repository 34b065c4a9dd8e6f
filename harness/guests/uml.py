# SPDX-License-Identifier: GPL-2.0
"""User-mode Linux: its command line, its memory, and the files that it shares with the host.

The kernel is a program of the host, with one processor, at the host's speed.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import psutil

from harness.guests.machine import Acceleration, GuestFiles
from harness.guests.ports import PORTS
from harness.host.errors import ProgramError, UsageError
from harness.host.run import run
from harness.kernels.kernel import Kernel

_SHARED_SIZE = 1 << 20
_SHARED_MEMORY = Path("/dev/shm")
_MOUNT_HUGE = f"mount -t tmpfs -o huge=always none {_SHARED_MEMORY}"


@cache
def _own_mounts() -> list[str]:
    """Return what starts a command with mounts of its own, as root or in a user namespace."""
    return ["unshare", *(["--map-root-user"] if os.geteuid() else []), "--mount", "--"]


@cache
def huge_pages() -> bool:
    """Return whether the host lets a guest's memory be in huge pages."""
    try:
        return run([*_own_mounts(), *_MOUNT_HUGE.split()], check=False).exit_code == 0
    except ProgramError:  # there is no such program
        return False


class Uml:
    """Machine that is a program of the host."""

    acceleration = Acceleration("uml", "a program of the host")

    def __init__(
        self, kernel: Kernel, *, accel: str | None, smp: int | None, memory: int, append: str
    ) -> None:
        """`memory` is in MiB; `append` is added to the kernel's command line.

        Raises UsageError for an acceleration, or another number of processors than one.
        """
        if accel is not None:
            raise UsageError("--accel: User-mode Linux runs on the host's processor as it is")
        if smp not in (None, 1):
            raise UsageError("--smp: User-mode Linux has one processor")
        self.kernel = kernel
        self._memory = memory
        self._append = append
        self._folder: Path | None = None
        self._computes = False

    def files(self, files: Mapping[str, bytes | Path]) -> GuestFiles:
        """Return small files as ones to copy, and links to big ones, which stay on the host.

        The guest mounts the folders of big files. It can read but not write there.
        """
        copied: dict[str, bytes | Path] = {}
        links: dict[str, str] = {}
        mounts: dict[Path, str] = {}
        for path, content in files.items():
            if isinstance(content, bytes) or content.stat().st_size < _SHARED_SIZE:
                copied[path] = content
                continue
            host = content.resolve()
            mounted = mounts.setdefault(host.parent, f"/host/{len(mounts)}")
            links[path] = f"{mounted}/{host.name}"
        self._computes = bool(mounts)
        if mounts:
            table = [f"none {at} hostfs ro,{_escape(host)} 0 0\n" for host, at in mounts.items()]
            copied["/etc/fstab"] = "".join(table).encode()
        return GuestFiles(copied, links)

    def command_line(self, initrd_fd: int, ports: Mapping[str, int]) -> list[str]:
        """Return the kernel and its arguments."""
        arch = self.kernel.architecture
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="llamux-uml-"))
        return [
            *self._in_huge_pages(),
            str(self.kernel.image),
            f"mem={self._memory}M",
            f"initrd=/proc/self/fd/{initrd_fd}",
            f"uml_dir={self._folder}",
            "noreboot",
            "con=null",
            "ssl=null",
            *(f"ssl{number}=fd:{ports[name]}" for number, name in enumerate(PORTS)),
            f"console={arch.console}",
            "panic=-1",
            f"llamux_ports={','.join(arch.ports)}",
            *self._append.split(),
        ]

    def _in_huge_pages(self) -> list[str]:
        """Return what starts the kernel with huge pages as memory, if its model is big."""
        if (
            not self._computes
            or 2 * self._memory > psutil.virtual_memory().available >> 20
            or not huge_pages()
        ):
            return []
        return [*_own_mounts(), "sh", "-c", f'{_MOUNT_HUGE} && exec "$@"', "sh"]

    def environment(self) -> dict[str, str]:
        """Return an environment that keeps the file of the memory off any disk, if it fits."""
        variables = dict(os.environ)
        if _SHARED_MEMORY.is_dir():
            free = os.statvfs(_SHARED_MEMORY)
            if free.f_bavail * free.f_frsize > self._memory << 20:
                variables["TMPDIR"] = str(_SHARED_MEMORY)
        return variables

    def close(self) -> None:
        """Remove the files in which the kernel describes itself."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _escape(path: Path) -> str:
    """Return a path as fstab(5) has it."""
    return "".join(f"\\{ord(c):03o}" if c in " \t\n\\" else c for c in str(path))

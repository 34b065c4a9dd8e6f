# SPDX-License-Identifier: GPL-2.0
"""How User-mode Linux is started: its command line, its memory, the files it shares.

The kernel is a program of the host, with one processor, at the host's speed.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from harness.guests.machine import PORTS, Acceleration, Files
from harness.host.errors import UsageError
from harness.kernels.kernel import Kernel

_SHARED_SIZE = 1 << 20
_SHARED_MEMORY = Path("/dev/shm")
_MOUNT_HUGE = f"mount -t tmpfs -o huge=always none {_SHARED_MEMORY}"


@cache
def _own_mounts() -> list[str]:
    """What runs a command with mounts of its own; without rights on the host it gets a user's."""
    return ["unshare", *(["--map-root-user"] if os.geteuid() else []), "--mount", "--"]


@cache
def huge_pages() -> bool:
    """Whether a guest's memory can be in the host's huge pages."""
    try:
        tried = subprocess.run(
            [*_own_mounts(), *_MOUNT_HUGE.split()], capture_output=True, check=False
        )
    except FileNotFoundError:
        return False
    return tried.returncode == 0


def _available() -> int:
    """The host's memory that is left, in MiB."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(s.split()[1]) >> 10 for s in lines if s.startswith("MemAvailable:"))


class Uml:
    """Runs a guest's kernel as a program; `memory` is in MiB."""

    acceleration = Acceleration("uml", "a program of the host")

    def __init__(
        self, kernel: Kernel, *, accel: str | None, smp: int | None, memory: int, append: str
    ) -> None:
        if accel is not None:
            raise UsageError("--accel: User-mode Linux runs on the host's processor as it is")
        if smp not in (None, 1):
            raise UsageError("--smp: User-mode Linux has one processor")
        self.kernel = kernel
        self._memory = memory
        self._append = append
        self._folder: Path | None = None
        self._computes = False

    def files(self, files: Mapping[str, bytes | Path]) -> Files:
        """Small files are copied; big ones stay on the host, and their folders are mounted.

        The guest can read those folders, and write nowhere in them.
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
        return Files(copied, links)

    def command_line(self, initrd_fd: int, ports: Mapping[str, int]) -> list[str]:
        """The kernel and its arguments."""
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
        """What starts a kernel whose memory is in huge pages: one that has a big model to read."""
        if not self._computes or 2 * self._memory > _available() or not huge_pages():
            return []
        return [*_own_mounts(), "sh", "-c", f'{_MOUNT_HUGE} && exec "$@"', "sh"]

    def environment(self) -> dict[str, str]:
        """The guest's memory is a file, best one that no disk has to hold."""
        variables = dict(os.environ)
        if _SHARED_MEMORY.is_dir():
            free = os.statvfs(_SHARED_MEMORY)
            if free.f_bavail * free.f_frsize > self._memory << 20:
                variables["TMPDIR"] = str(_SHARED_MEMORY)
        return variables

    def close(self) -> None:
        """Remove what the kernel wrote about itself."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _escape(path: Path) -> str:
    """As in fstab(5)."""
    return "".join(f"\\{ord(c):03o}" if c in " \t\n\\" else c for c in str(path))

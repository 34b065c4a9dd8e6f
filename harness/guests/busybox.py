# SPDX-License-Identifier: GPL-2.0
"""Busybox, the only userspace program of guests."""

import tempfile
from pathlib import Path

from harness.host import apt_root
from harness.host.architectures import Architecture
from harness.host.lock import exclusive
from harness.host.paths import cache_dir
from harness.host.progress import step


def busybox(arch: Architecture) -> Path:
    """Return a static busybox from Debian's package, fetched if the cache has none."""
    program = cache_dir("busybox") / f"busybox-{arch.name}"
    if not program.exists():
        with exclusive(apt_root.lock_file()):
            if not program.exists():
                apt_root.with_lists(lambda: _fetch(arch, program))
    return program


def _fetch(arch: Architecture, program: Path) -> None:
    with (
        step(f"busybox for {arch.name}"),
        tempfile.TemporaryDirectory(dir=program.parent, prefix=".new-") as scratch,
    ):
        (package,) = apt_root.download([f"busybox-static:{arch.debian}"], Path(scratch))
        apt_root.unpack(package, Path(scratch))
        Path(scratch, "bin", "busybox").rename(program)

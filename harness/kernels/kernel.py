# SPDX-License-Identifier: GPL-2.0
"""Record of a kernel that guests boot and modules are built against."""

from dataclasses import dataclass
from pathlib import Path

from harness.host.architectures import Architecture


@dataclass(frozen=True)
class Kernel:
    """Files of a kernel, and what depends on it."""

    architecture: Architecture
    series: str
    release: str
    """Release, as ``uname -r`` prints it."""
    image: Path
    config: Path
    headers: Path
    """Folder for ``make -C``."""
    make_args: tuple[str, ...] = ()
    """Further arguments of make for a module."""
    slowness: float = 1
    """Factor of time limits."""
    memory: int = 1
    """Factor of a guest's memory."""

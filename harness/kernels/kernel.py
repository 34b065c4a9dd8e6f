# SPDX-License-Identifier: GPL-2.0
"""A kernel that guests boot and modules are built against."""

from dataclasses import dataclass
from pathlib import Path

from harness.host.architectures import Architecture


@dataclass(frozen=True)
class Kernel:
    """A kernel that can be booted and built against."""

    architecture: Architecture
    series: str
    release: str
    """What ``uname -r`` prints."""
    image: Path
    config: Path
    headers: Path
    """What ``make -C`` takes."""
    make_args: tuple[str, ...] = ()
    """Further arguments of make for modules."""
    slowness: float = 1
    """Factor of time limits."""
    memory: int = 1
    """Factor of a guest's memory."""

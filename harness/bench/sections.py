# SPDX-License-Identifier: GPL-2.0
"""Times for which the core holds vector registers, at this machine's speed.

In the kernel no other task can run on the processor during such a section.
"""

import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.host.errors import HarnessError
from harness.host.paths import HOST_PROGRAMS
from harness.native import cross

PROGRAM = HOST_PROGRAMS / "sections.c"


@dataclass(frozen=True)
class SectionTimes:
    """Times of the sections of one kind of work on one path, in processor nanoseconds."""

    isa: str
    work: str
    """``prefill`` in passes of 32 tokens, ``decode`` at the end of the context."""
    count: int
    p50_ns: int
    p99_ns: int
    max_ns: int


def measure(model: Path, isa: str) -> list[SectionTimes]:
    """Fill a context of 2,048 tokens, or the model's own if smaller, on one thread.

    HarnessError if this machine cannot run the path, or the path holds no vector registers.
    """
    program = cross.executable(PROGRAM, platform.machine(), first=PROGRAM.with_suffix(".h"))
    done = subprocess.run([program, isa, model], capture_output=True, text=True, check=False)
    if done.returncode:
        raise HarnessError(f"{isa}: {done.stderr.strip()}")
    rows = (line.split() for line in done.stdout.splitlines())
    return [SectionTimes(isa, work, *map(int, figures)) for work, *figures in rows]

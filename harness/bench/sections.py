# SPDX-License-Identifier: GPL-2.0
"""For how long the core holds vector registers at a time, at this machine's speed.

In the kernel nobody else can have the processor meanwhile.
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
class Sections:
    """Of one kind of work, on one path. Times in nanoseconds of the processor."""

    isa: str
    work: str
    """``prefill`` in passes of 32 tokens, ``decode`` at the end of the context."""
    count: int
    p50_ns: int
    p99_ns: int
    max_ns: int


def measure(model: Path, isa: str) -> list[Sections]:
    """Fill a context of 2,048 tokens, or the model's own, on one thread.

    HarnessError where this machine cannot run the path, or it holds no vector registers.
    """
    program = cross.executable(PROGRAM, platform.machine(), first=PROGRAM.with_suffix(".h"))
    done = subprocess.run([program, isa, model], capture_output=True, text=True, check=False)
    if done.returncode:
        raise HarnessError(f"{isa}: {done.stderr.strip()}")
    rows = (line.split() for line in done.stdout.splitlines())
    return [Sections(isa, work, *map(int, figures)) for work, *figures in rows]

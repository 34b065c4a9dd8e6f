# SPDX-License-Identifier: GPL-2.0
"""The machine that figures were measured on, and how idle it was."""

import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

FLAGS = re.compile(
    r"avx2|avx_vnni|avx512(f|bw|vl|_?vnni|_?vbmi|_bf16)|amx_\w+|fma|f16c|asimddp|i8mm|sve2?|asimd"
)
"""Of the processor's features, those that engines compute with."""

BUFFER = 16
"""The buffer of the bandwidth measurement, in sizes of the last-level cache."""


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1].strip() if found else ""


def last_level_cache() -> int:
    """Bytes, as far as the kernel tells."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    sizes = [1 << 20]
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = path.read_text().strip()
        sizes.append(int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text))
    return max(sizes)


def describe() -> dict[str, Any]:
    """What a reader of figures wants to know, and nothing that names the machine."""
    info = Path("/proc/cpuinfo").read_text()
    flags = _first(r"^(?:flags|Features)\s*:(.*)$", info).split()
    gcc = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=False)
    memory = int(_first(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())) * 1024
    return {
        "cpu": _first(r"^model name\s*:(.*)$", info) or platform.machine(),
        "architecture": platform.machine(),
        "flags": sorted(flag for flag in flags if FLAGS.fullmatch(flag)),
        "cores": len(os.sched_getaffinity(0)),
        "last_level_cache": last_level_cache(),
        "memory": memory,
        "kernel": f"Linux {_first(r'([0-9.]+[0-9])', platform.release())}",
        "compiler": (gcc.stdout.splitlines() or ["no gcc"])[0],
    }


class Elsewhere:
    """How much processor time goes to anything but the processes that measure."""

    _TICK = 1 / os.sysconf("SC_CLK_TCK")

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self.start()

    def _all(self) -> float:
        fields = [int(f) for f in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        user, nice, system, _, _, irq, softirq, steal = fields[:8]
        return (user + nice + system + irq + softirq + steal) * self._TICK

    def _own(self) -> float:
        total = 0.0
        for pid in {os.getpid(), *self._pids()}:
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            # utime and stime, and those of its children that have ended
            total += sum(map(int, fields[11:15])) * self._TICK
        return total

    def start(self) -> None:
        """Begin an interval."""
        self._begin = time.monotonic(), self._all() - self._own()

    def share(self) -> float:
        """Processors that others kept busy since the interval began: 0 on an idle machine.

        Kept at 0 where the interval is too short for the kernel's clock to tell.
        """
        seconds = time.monotonic() - self._begin[0]
        if seconds < 20 * self._TICK:
            return 0.0
        return max(0.0, self._all() - self._own() - self._begin[1]) / seconds


def bandwidth(
    measure: Callable[[int, int, int], float], threads: int, repeat: int, quiet: float
) -> float:
    """Bytes per second of memory that is much larger than the caches: the median of runs.

    ``measure`` is :func:`harness.bench.userspace.read_bandwidth`. A run that others disturb by
    more than ``quiet`` processors counts only where no other is left.
    """
    size = max(BUFFER * last_level_cache(), 64 << 20)
    elsewhere = Elsewhere(list)
    runs = []
    for _ in range(2 * repeat):
        elsewhere.start()
        rate = measure(size, 2 * BUFFER, threads)
        runs.append((elsewhere.share() > quiet, rate))
        if sum(not disturbed for disturbed, _ in runs) == repeat:
            break
    best = [rate for disturbed, rate in runs if not disturbed] or [rate for _, rate in runs]
    return statistics.median(best)

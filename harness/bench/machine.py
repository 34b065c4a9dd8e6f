# SPDX-License-Identifier: GPL-2.0
"""The machine that figures are measured on: its description, its load and its bandwidth."""

import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil

from harness.bench.results import Machine

FLAGS = re.compile(
    r"avx2|avx_vnni|avx512(f|bw|vl|_?vnni|_?vbmi|_bf16)|amx_\w+|fma|f16c|asimddp|i8mm|sve2?|asimd"
)
"""Features of a processor that engines compute with."""

BUFFER = 16
"""Size of the buffer that bandwidth is measured with, in sizes of the last-level cache."""


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1].strip() if found else ""


def last_level_cache() -> int:
    """Return the size in bytes, at least 1 MiB, as far as the kernel tells it."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    sizes = [1 << 20]
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = path.read_text().strip()
        sizes.append(int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text))
    return max(sizes)


def describe(
    read_bandwidth: Mapping[int, float], peer: str | None, commands: Mapping[str, str]
) -> Machine:
    """Return what a reader of figures wants to know, and nothing that identifies the machine.

    ``read_bandwidth`` is in bytes a second, by threads; ``commands`` are by model.
    """
    info = Path("/proc/cpuinfo").read_text()
    flags = _first(r"^(?:flags|Features)\s*:(.*)$", info).split()
    gcc = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=False)
    return Machine(
        cpu=_first(r"^model name\s*:(.*)$", info) or platform.machine(),
        architecture=platform.machine(),
        flags=tuple(sorted(flag for flag in flags if FLAGS.fullmatch(flag))),
        cores=processors(),
        last_level_cache=last_level_cache(),
        memory=psutil.virtual_memory().total,
        kernel=f"Linux {_first(r'([0-9.]+[0-9])', platform.release())}",
        compiler=(gcc.stdout.splitlines() or ["no gcc"])[0],
        read_bandwidth={str(threads): rate for threads, rate in read_bandwidth.items()},
        peer=peer,
        commands=dict(commands),
    )


def processors() -> int:
    """Return the number of processors that this process may use."""
    return len(psutil.Process().cpu_affinity() or ())


class Elsewhere:
    """Meter of the processor time that other processes take beside those that measure."""

    _TICK = 1 / os.sysconf("SC_CLK_TCK")

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self.start()

    def _all(self) -> float:
        """Return the seconds that all processors were busy."""
        t = psutil.cpu_times()
        return float(t.user + t.nice + t.system + t.irq + t.softirq + t.steal)

    def _own(self) -> float:
        """Return the seconds of the processes that measure, and of their children that ended."""
        total = 0.0
        for pid in {os.getpid(), *self._pids()}:
            try:
                total += sum(psutil.Process(pid).cpu_times()[:4])
            except psutil.NoSuchProcess:
                continue
        return total

    def start(self) -> None:
        """Start an interval."""
        self._begin = time.monotonic(), self._all() - self._own()

    def share(self) -> float:
        """Return the processors that others kept busy since the interval started.

        0 on an idle machine, or if the interval is too short for the kernel's clock.
        """
        seconds = time.monotonic() - self._begin[0]
        if seconds < 20 * self._TICK:
            return 0.0
        return max(0.0, self._all() - self._own() - self._begin[1]) / seconds


def bandwidth(
    measure: Callable[[int, int, int], float], threads: int, repeat: int, quiet: float
) -> float:
    """Return the bytes per second read from a buffer much larger than the caches.

    This is the median of ``repeat`` runs of ``measure``, which is
    :func:`harness.bench.userspace.read_bandwidth`. A run that others disturb by more than
    ``quiet`` processors counts only if there is no other.
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

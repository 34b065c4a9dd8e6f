# SPDX-License-Identifier: GPL-2.0
"""Time limits that allow for a slow or busy machine.

Every limit is written for an idle machine of the reference speed. :class:`Clock` counts such
seconds, and :func:`scaled` converts them to seconds of this machine as it is now.
"""

import os
import time
from functools import cache
from pathlib import Path

_ROUNDS = 200_000
_REFERENCE = 0.021  # seconds of processor time that _compute() took where the limits were chosen
_MOST = 32.0  # a guest that hangs is noticed even on a machine that is swamped


def _compute() -> float:
    """Return the processor time of a fixed computation, in seconds."""
    begun, value = time.process_time(), 0
    for i in range(_ROUNDS):
        value = (value * 31 + i) & 0xFFFFFFFF
    return time.process_time() - begun


@cache
def slowness() -> float:
    """Return how many times as long as the reference this machine computes; at least 1."""
    return max(1.0, min(_compute() for _ in range(3)) / _REFERENCE)


def load() -> float:
    """Return the number of runnable processes for each processor; at least 1.

    The larger of the average over a minute and the number at this moment.
    """
    average, _, _, runnable, _ = Path("/proc/loadavg").read_text().split()
    now = max(float(average), float(runnable.partition("/")[0]))
    return max(1.0, now / len(os.sched_getaffinity(0)))


def factor() -> float:
    """Return how many seconds of this machine, as it is now, are one of the reference."""
    return min(_MOST, slowness() * load())


def scaled(seconds: float) -> float:
    """Return a time limit in seconds of this machine as it is now."""
    return seconds * factor()


class Clock:
    """Seconds since it was made, as an idle machine of the reference speed would count them.

    The clock reads the machine's load at each call of :meth:`seconds` only, so a caller that
    waits for long asks it every few seconds.
    """

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._seconds = 0.0
        self._factor = factor()

    def seconds(self) -> float:
        """Return the seconds that have passed."""
        now, current = time.monotonic(), factor()
        self._seconds += (now - self._last) / max(self._factor, current)
        self._last, self._factor = now, current
        return self._seconds

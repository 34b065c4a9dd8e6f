# SPDX-License-Identifier: GPL-2.0
"""Kernel log of a guest: all that its console prints, searched for trouble as it arrives."""

import re
from collections.abc import Iterator

from harness.guests import errors
from harness.guests.errors import GuestBug, GuestError, GuestHang, GuestOops, GuestPanic

PATTERNS: tuple[tuple[re.Pattern[str], type[GuestError]], ...] = (
    (re.compile(r"Kernel panic - not syncing"), GuestPanic),
    (
        re.compile(
            r"\bOops\b|Unable to handle kernel|Internal error:|general protection fault"
            r"|BUG: unable to handle|BUG: kernel NULL pointer"
        ),
        GuestOops,
    ),
    (
        re.compile(
            r"soft lockup|hard LOCKUP|rcu: .*(detected stalls|self-detected stall)"
            r"|blocked for more than \d+ seconds"
        ),
        GuestHang,
    ),
    (
        re.compile(
            r"\bBUG\b|possible (recursive|circular) locking|inconsistent lock state"
            r"|suspicious RCU usage|\b(KASAN|KCSAN|UBSAN|KFENCE):|scheduling while atomic"
            r"|sleeping function called|refcount_t: |list_(add|del) corruption"
        ),
        GuestBug,
    ),
    (re.compile(r"\bWARNING: |Call Trace:"), errors.GuestWarning),
)
"""Patterns of lines that mean trouble, each with its error; the gravest first."""


def trouble(log: str) -> Iterator[tuple[str, type[GuestError]]]:
    """Yield each line that no healthy kernel prints, with its error."""
    for line in log.splitlines():
        for pattern, error in PATTERNS:
            if pattern.search(line):
                yield line, error
                break


def assert_clean(log: str) -> None:
    """Raise the error of the first line of trouble in a kernel log, if there is any."""
    for line, error in trouble(log):
        raise error(f"the kernel log is not clean: {line.strip()}", log)


class KernelLog:
    """Console output of one guest."""

    def __init__(self) -> None:
        self._console = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> bool:
        """Append output; return whether its new whole lines have trouble."""
        self._console += data
        end = self._console.rfind(b"\n") + 1
        new = self._console[self._searched : end].decode(errors="replace")
        self._searched = max(end, self._searched)
        return any(True for _ in trouble(new))

    def text(self) -> str:
        """Return the whole log as text, with plain newlines."""
        return re.sub(r"\r+\n", "\n", self._console.decode(errors="replace"))

    def gravest(self) -> tuple[str, type[GuestError]] | None:
        """Return the gravest line of trouble with its error; the first of several like it."""
        order = [error for _, error in PATTERNS]
        found = list(trouble(self.text()))
        return min(found, key=lambda pair: order.index(pair[1])) if found else None

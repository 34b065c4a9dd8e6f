# SPDX-License-Identifier: GPL-2.0
"""Errors of guests, and the lines of a kernel log that stand for them.

Each error has its own exit code (docs/testing.md lists them), so that a failed
command, a broken kernel and a lost guest are never taken for one another.
"""

import re
from collections.abc import Iterator
from typing import ClassVar

from harness.host.errors import HarnessError


class GuestError(HarnessError):
    """The guest is of no use any more. Carries its kernel log."""

    def __init__(self, what: str, log: str = "") -> None:
        self.log = log
        tail = "\n".join(log.splitlines()[-120:])
        super().__init__(f"{what}\n--- kernel log ---\n{tail}\n--- end of log ---" if log else what)


class GuestPanic(GuestError):
    """The kernel panicked."""

    exit_code = 70


class GuestOops(GuestError):
    """The kernel oopsed."""

    exit_code = 71


class GuestWarning(GuestError):
    """The kernel printed a WARNING."""

    exit_code = 72


class GuestBug(GuestError):
    """The kernel reported a bug: BUG, lockdep, KASAN, UBSAN and the like."""

    exit_code = 73


class GuestHang(GuestError):
    """A lockup or a stall, or a command that ran past its time limit."""

    exit_code = 74


class GuestLost(GuestError):
    """The emulator ended, or the guest stopped talking."""

    exit_code = 75


class BootError(GuestError):
    """The guest never came up."""

    exit_code = 76


class ModuleLoadError(GuestError):
    """insmod refused the module."""

    exit_code = 77


class LogPattern:
    """A line of a kernel log that means trouble, and the error it stands for."""

    ALL: ClassVar[tuple[tuple[re.Pattern[str], type[GuestError]], ...]] = (
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
        (re.compile(r"\bWARNING: |Call Trace:"), GuestWarning),
    )


def trouble(log: str) -> Iterator[tuple[str, type[GuestError]]]:
    """The lines of a kernel log that no healthy guest prints, each with its error."""
    for line in log.splitlines():
        for pattern, error in LogPattern.ALL:
            if pattern.search(line):
                yield line, error
                break


def assert_clean(log: str) -> None:
    """Raise the error of the first line of trouble in a kernel log, if there is any."""
    for line, error in trouble(log):
        raise error(f"the kernel log is not clean: {line.strip()}", log)

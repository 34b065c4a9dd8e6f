# SPDX-License-Identifier: GPL-2.0
"""Errors of guests.

Each error has its own exit code (docs/testing.md lists them), so that a failed command, a
broken kernel and a lost guest are never taken for one another.
"""

from harness.host.errors import HarnessError

_SHOWN = 100  # characters of a command in an error


class GuestCommandError(HarnessError):
    """A command in a guest failed that had to succeed. The guest goes on."""

    exit_code = 78

    def __init__(self, command: str, exit_code: int, output: bytes, errors: bytes) -> None:
        """Give the reason in one line: the last one of the errors, else of the output."""
        self.command = command
        self.command_exit_code = exit_code
        self.output = output
        self.errors = errors
        lines = [line for text in (output, errors) for line in text.splitlines() if line.strip()]
        reason = lines[-1].decode(errors="replace").strip() if lines else "no output"
        shown = " ".join(command.split())
        if len(shown) > _SHOWN:
            shown = f"{shown[: _SHOWN - 3]}..."
        super().__init__(f"`{shown}` failed in the guest with exit code {exit_code}: {reason}")


class GuestError(HarnessError):
    """The guest cannot be used any more. Carries its kernel log and shows the end of it."""

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
    """The kernel reported a lockup or a stall, or a command ran past its time limit."""

    exit_code = 74


class GuestLost(GuestError):
    """The emulator ended, or the guest stopped talking."""

    exit_code = 75


class BootError(GuestError):
    """The guest did not finish booting."""

    exit_code = 76


class ModuleLoadError(GuestError):
    """The kernel refused to load the module."""

    exit_code = 77

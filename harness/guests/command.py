# SPDX-License-Identifier: GPL-2.0
"""Shell commands in a guest: a request to images/agent, and its answer."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from harness.guests.errors import GuestHang
from harness.guests.ports import MarkedStream

Listener = Callable[[bytes], None]
"""Function that is called with bytes as they arrive."""


@dataclass(frozen=True)
class CommandResult:
    """Output and exit code of a command that has ended."""

    output: bytes
    errors: bytes
    exit_code: int

    @property
    def text(self) -> str:
        """Output as text; bytes that are not UTF-8 are replaced."""
        return self.output.decode(errors="replace")

    @property
    def error_text(self) -> str:
        """Errors as text, without white space around them."""
        return self.errors.decode(errors="replace").strip()


class CommandHost(Protocol):
    """Guest that runs a command."""

    def send(self, port: str, data: bytes) -> None:
        """Write bytes to a port."""

    def serve(self, until: Callable[[], bool], timeout: float, what: str) -> None:
        """Take what arrives until the condition holds. Raises GuestHang after `timeout` s."""

    def finished(self, command: "Command") -> None:
        """Make room for the next command."""


class Command:
    """A command that runs in a guest."""

    def __init__(
        self,
        guest: CommandHost,
        command: str,
        stdin: bytes,
        on_output: Listener | None,
        on_errors: Listener | None,
    ) -> None:
        self._guest = guest
        self._mark = secrets.token_hex(8).encode()
        self._command = command
        self._output = MarkedStream(self._mark, on_output)
        self._errors = MarkedStream(self._mark, on_errors)
        self._exit_code: int | None = None
        payload = command.encode()
        request = b"%s %d %d\n" % (self._mark, len(payload), len(stdin))
        guest.send("control", request + payload + stdin)

    @property
    def output(self) -> bytes:
        """Output so far."""
        return bytes(self._output.data)

    @property
    def ended(self) -> bool:
        """Whether exit code, output and errors are complete."""
        return self._exit_code is not None and self._output.complete and self._errors.complete

    def feed(self, port: str, data: bytes) -> None:
        """Take bytes that have arrived on a port."""
        if port == "output":
            self._output.feed(data)
        elif port == "errors":
            self._errors.feed(data)

    def take_exit_code(self, line: bytes) -> None:
        """Take a line of the control port."""
        mark, _, status = line.partition(b" ")
        if mark == self._mark:
            self._exit_code = int(status)

    def interrupt(self) -> None:
        """Press Ctrl-C on the command's terminal."""
        self._guest.send("output", b"\x03")

    def read_until(self, condition: Callable[[bytes], bool], timeout: float = 60) -> bytes:
        """Wait until the output so far satisfies `condition`; return the output.

        Raises GuestHang after `timeout` seconds, or if the command ends before.
        """
        self._guest.serve(lambda: self.ended or condition(self.output), timeout, self._command)
        if not condition(self.output):
            raise GuestHang(f"`{self._command}` ended before it printed what was waited for")
        return self.output

    def wait(self, timeout: float = 60) -> CommandResult:
        """Wait for the end. Raises GuestHang after `timeout` seconds; the guest is lost then."""
        self._guest.serve(lambda: self.ended, timeout, self._command)
        self._guest.finished(self)
        assert self._exit_code is not None
        return CommandResult(self.output, bytes(self._errors.data), self._exit_code)

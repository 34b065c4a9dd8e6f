# SPDX-License-Identifier: GPL-2.0
"""A person's terminal, joined to a shell in a guest."""

import os
import sys
import termios
import tty

from harness.guests.guest import Guest

_DAY = 24 * 3600.0


def interactive(guest: Guest) -> int:
    """Run a shell in the guest on this process's terminal; return the shell's exit code."""
    port = guest.kernel.architecture.ports[2]
    stdin, stdout = sys.stdin.fileno(), sys.stdout.fileno()
    size = os.get_terminal_size(stdin)
    saved = termios.tcgetattr(stdin)
    command = guest.start(
        f"stty sane 115200 rows {size.lines} cols {size.columns} </dev/{port}\n"
        f"setsid -c sh -l </dev/{port} >/dev/{port} 2>&1\n"
        f"status=$?; stty raw -echo </dev/{port}; exit $status",
        on_errors=lambda data: _write_all(stdout, data),
    )
    with guest.typing(stdin, "errors"):
        try:
            tty.setraw(stdin)
            return command.wait(timeout=_DAY).exit_code
        finally:
            termios.tcsetattr(stdin, termios.TCSADRAIN, saved)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]

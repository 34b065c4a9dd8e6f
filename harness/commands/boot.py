# SPDX-License-Identifier: GPL-2.0
"""Run a shell command in a guest with the module loaded.

Prints what the command prints, as it does, and returns its exit code. A kernel
that breaks, a guest that hangs or is lost, and a command that fails are told
apart: docs/testing.md lists the exit codes. Progress goes to stderr.

    python -m harness boot x86_64 -- cat /proc/llamux/status
    python -m harness boot aarch64 --kernel 6.12 -- 'dmesg | tail; ls /proc/llamux'
    python -m harness boot uml -- cat /proc/llamux/status
"""

import argparse

from harness.guests.guest import new_guest
from harness.guests.options import add_guest_options, guest_spec
from harness.host.architectures import GUESTS
from harness.host.progress import say, step, write_error, write_now


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("arch", metavar="ARCH", choices=GUESTS, help=", ".join(GUESTS))
    add_guest_options(parser)
    parser.add_argument("--no-module", action="store_true", help="do not build or load the module")
    parser.add_argument(
        "--timeout", type=float, default=600, metavar="S", help="seconds the command may take (600)"
    )
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="after --, for the shell")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    guest = new_guest(guest_spec(args, module=not args.no_module))
    say(f"{guest.kernel.release} on {args.arch}, {guest.acceleration}")
    with step("boot"):
        guest.boot()
    try:
        result = guest.run(
            " ".join(args.command),
            timeout=args.timeout,
            on_output=write_now,
            on_errors=write_error,
        )
        return result.exit_code
    finally:
        guest.close()

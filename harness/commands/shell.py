# SPDX-License-Identifier: GPL-2.0
"""Open a shell in a guest with the module loaded.

python -m harness shell --arch aarch64 --kernel 6.12
"""

import argparse
import sys

from harness.guests.guest import new_guest
from harness.guests.options import add_guest_options, guest_spec
from harness.guests.terminal import interactive
from harness.host.architectures import GUESTS
from harness.host.errors import UsageError
from harness.host.progress import say, step


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--arch", choices=GUESTS, default="x86_64")
    add_guest_options(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("a shell needs a terminal: for a single command use `boot`")
    guest = new_guest(guest_spec(args))
    say(f"Linux {guest.kernel.release} on {args.arch}, {guest.acceleration}")
    with step("boot and load"):
        guest.boot()
    try:
        say("the guest's shell; `exit` or ^D ends it. Try:")
        say("  echo 'What is a kernel module?' > /proc/llamux/prompt; cat /proc/llamux/prompt")
        return interactive(guest)
    finally:
        guest.close()

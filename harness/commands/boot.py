# SPDX-License-Identifier: GPL-2.0
"""Run a shell command in a guest with the module loaded.

Prints what the command prints, as it does, and returns its exit code. A kernel
that breaks, a guest that hangs or is lost, and a command that fails are told
apart: docs/testing.md lists the exit codes. Progress goes to stderr.

    python -m harness boot x86_64 -- cat /proc/llamux/status
    python -m harness boot aarch64 --kernel 6.12 -- 'dmesg | tail; ls /proc/llamux'
    python -m harness boot uml -- cat /proc/llamux/status

--build also builds another module against llamux.ko, such as the sample, and
copies it to the guest's root folder:

    python -m harness boot uml --build kmod/samples -- \
        'insmod /llamux_sample.ko && cat /proc/llamux_sample'
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from harness.guests.guest import new_guest
from harness.guests.options import add_guest_options, guest_spec
from harness.host.architectures import GUESTS
from harness.host.errors import UsageError
from harness.host.progress import say, step, write_error, write_now
from harness.kernels import module
from harness.kernels.kernel import Kernel


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("arch", metavar="ARCH", choices=GUESTS, help=", ".join(GUESTS))
    add_guest_options(parser)
    parser.add_argument("--no-module", action="store_true", help="do not build or load the module")
    parser.add_argument(
        "--build",
        action="append",
        type=Path,
        default=[],
        metavar="FOLDER",
        help="build the module whose Kbuild is there, and put it into /; may be repeated",
    )
    parser.add_argument(
        "--timeout", type=float, default=600, metavar="S", help="seconds the command may take (600)"
    )
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="after --, for the shell")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    for folder in args.build:
        if not (folder / "Kbuild").is_file():
            raise UsageError(f"--build {folder}: name a folder with a Kbuild")
    guest = new_guest(guest_spec(args, module=not args.no_module))
    say(f"{guest.kernel.release} on {args.arch}, {guest.acceleration}")
    built = _built(args.build, guest.kernel)
    with step("boot"):
        guest.boot()
    try:
        for path in built:
            guest.put_file(f"/{path.name}", path.read_bytes())
        result = guest.run(
            " ".join(args.command),
            timeout=args.timeout,
            on_output=write_now,
            on_errors=write_error,
        )
        return result.exit_code
    finally:
        guest.close()


def _built(folders: Sequence[Path], kernel: Kernel) -> list[Path]:
    """Build the module of each folder for a kernel, and llamux.ko, which they may use."""
    main = module.build(kernel) if folders else None
    return [module.build(kernel, folder.resolve(), against=main).module for folder in folders]

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
import sys
from pathlib import Path

from harness import models, setup_system
from harness.architectures import DEBUG_KERNELS, GUESTS, KERNELS, UML
from harness.errors import UsageError
from harness.guest import Guest
from harness.progress import say, step

NO_MODEL = "none"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("arch", metavar="ARCH", choices=GUESTS, help=", ".join(GUESTS))
    add_guest_options(parser)
    parser.add_argument("--no-module", action="store_true", help="do not build or load the module")
    parser.add_argument(
        "--timeout", type=float, default=600, metavar="S", help="seconds the command may take (600)"
    )
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="after --, for the shell")


def add_guest_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what guest it shall be."""
    parser.add_argument(
        "--kernel",
        choices=(*KERNELS, *DEBUG_KERNELS),
        help="Debian's kernel series, or a kernel that looks for faults (x86_64, built in "
        "minutes, once); default 6.1, uml 6.12",
    )
    parser.add_argument(
        "--model",
        default="smollm2",
        help=f"a GGUF file, a name ({', '.join(models.MODELS)}), or {NO_MODEL!r}; default smollm2",
    )
    parser.add_argument(
        "--accel", choices=("kvm", "tcg"), help="default: KVM where a probe boot works, else TCG"
    )
    parser.add_argument("--smp", type=int, metavar="N", help="processors; default 2, uml 1")
    parser.add_argument("--memory", type=int, metavar="MB", help="default: what the model needs")
    parser.add_argument("--module-args", default="", metavar="ARGS", help="arguments of insmod")
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="HOST:GUEST",
        help="a file to have in the guest; may be repeated",
    )


def open_guest(args: argparse.Namespace, load_module: bool = True) -> Guest:
    """A guest, not yet booted, for the options of :func:`add_guest_options` and ``args.arch``."""
    if args.smp is not None and args.smp < 1:
        raise UsageError("--smp: a guest needs a processor")
    setup_system.ensure(setup_system.KERNELS if args.arch == UML.name else setup_system.GUESTS)
    model = None if args.model == NO_MODEL or not load_module else models.resolve(args.model)
    files: dict[str, bytes | Path] = {}
    for pair in args.file:
        host, colon, guest = pair.partition(":")
        if not colon or not guest.startswith("/") or not Path(host).is_file():
            raise UsageError(f"--file {pair}: not an existing file and an absolute path")
        files[guest] = Path(host)
    return Guest(
        args.arch,
        args.kernel,
        model=model,
        accel=args.accel,
        smp=args.smp,
        memory=args.memory,
        load_module=load_module,
        module_args=args.module_args,
        files=files,
    )


def write_now(data: bytes) -> None:
    """Write to stdout and flush."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_error(data: bytes) -> None:
    """Write to stderr and flush."""
    sys.stderr.buffer.write(data)
    sys.stderr.buffer.flush()


def run(args: argparse.Namespace) -> int:
    """Do it."""
    guest = open_guest(args, load_module=not args.no_module)
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

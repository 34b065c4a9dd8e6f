# SPDX-License-Identifier: GPL-2.0
"""Command-line options that describe a guest."""

import argparse
from pathlib import Path

from harness.guests.guest import Guest
from harness.host import packages
from harness.host.architectures import DEBUG_KERNELS, KERNELS, UML
from harness.host.errors import UsageError
from harness.models import catalog, packaged

NO_MODEL = "none"


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
        help=f"a GGUF file, a name ({', '.join(packaged.MODELS)}), "
        f"or {NO_MODEL!r}; default smollm2",
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
    packages.ensure(packages.KERNELS if args.arch == UML.name else packages.GUESTS)
    model = None if args.model == NO_MODEL or not load_module else catalog.resolve(args.model)
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

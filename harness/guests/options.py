# SPDX-License-Identifier: GPL-2.0
"""Command-line options that describe a guest."""

import argparse
from pathlib import Path

from harness.guests.spec import GuestSpec
from harness.host import packages
from harness.host.architectures import DEBUG_KERNELS, KERNELS, UML
from harness.host.errors import UsageError
from harness.models import catalog, packaged

NO_MODEL = "none"


def add_guest_options(parser: argparse.ArgumentParser) -> None:
    """Add the options from which :func:`guest_spec` makes a specification."""
    parser.add_argument(
        "--kernel",
        choices=(*KERNELS, *DEBUG_KERNELS),
        help="Debian's kernel series, or a debug kernel (x86_64; built once, in minutes); "
        "default 6.1, uml 6.12",
    )
    parser.add_argument(
        "--model",
        default="smollm2",
        help=f"a GGUF file, a name ({', '.join(packaged.MODELS)}), "
        f"or {NO_MODEL!r}; default smollm2",
    )
    parser.add_argument(
        "--accel", choices=("kvm", "tcg"), help="default: KVM if a probe boot works, else TCG"
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


def guest_spec(args: argparse.Namespace, module: bool = True) -> GuestSpec:
    """Return the specification that the options and ``args.arch`` describe.

    Without `module` the guest has neither module nor model. Missing packages of the host are
    installed. Raises UsageError if options do not fit together.
    """
    if args.smp is not None and args.smp < 1:
        raise UsageError("--smp: a guest needs a processor")
    packages.ensure(packages.KERNELS if args.arch == UML.name else packages.GUESTS)
    model = None if args.model == NO_MODEL or not module else catalog.resolve(args.model)
    files: dict[str, bytes | Path] = {}
    for pair in args.file:
        host, colon, guest = pair.partition(":")
        if not colon or not guest.startswith("/") or not Path(host).is_file():
            raise UsageError(f"--file {pair}: give an existing file and an absolute path")
        files[guest] = Path(host)
    spec = GuestSpec(
        args.arch,
        args.kernel,
        model=model,
        accel=args.accel,
        smp=args.smp,
        memory=args.memory,
        module_args=args.module_args,
        files=files,
    )
    return spec if module else spec.without_module()

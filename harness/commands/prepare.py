# SPDX-License-Identifier: GPL-2.0
"""Install, fetch and build ahead of time what guests need.

Every verb does this for itself; this one does it for all of them at once, so
that a machine can go offline, or tests start with everything in place.
"""

import argparse

from harness.analysis import checkpatch, coccinelle
from harness.guests import busybox
from harness.host import packages
from harness.host.architectures import ARCHITECTURES, DEBUG_KERNELS, GUESTS, KERNELS
from harness.kernels import find, module
from harness.models import packaged


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "--arch", action="append", choices=GUESTS, help="default: all; uml for tests"
    )
    parser.add_argument(
        "--kernel",
        action="append",
        choices=(*KERNELS, *DEBUG_KERNELS),
        help=f"default: {' and '.join(KERNELS)}; may be repeated",
    )
    parser.add_argument("--tests", action="store_true", help="for `make test`, too")
    parser.add_argument("--no-module", action="store_true", help="do not build the module")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    packages.ensure(packages.TESTS if args.tests else packages.GUESTS)
    packaged.smollm2()
    if args.tests:
        packaged.sentencepiece_model()
        checkpatch.script()
        coccinelle.patches()
    for name in args.arch or (GUESTS if args.tests else ARCHITECTURES):
        arch = GUESTS[name]
        busybox.busybox(arch)
        for series in (*arch.series, *arch.debug_series):
            if series not in (args.kernel or arch.series):
                continue
            kernel = find.kernel(arch, series)
            if not args.no_module:
                checked = args.tests and name in ARCHITECTURES and series in KERNELS
                module.build(kernel, checked=checked)
    return 0

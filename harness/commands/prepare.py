# SPDX-License-Identifier: GPL-2.0
"""Install, fetch and build ahead of time what guests need.

Every verb does this for itself; this one does it for all of them at once, so
that a machine can go offline, or tests start with everything in place.
"""

import argparse

from harness import busybox, checkpatch, coccinelle, kbuild_module, kernels, models, setup_system
from harness.architectures import ARCHITECTURES, DEBUG_KERNELS, GUESTS, KERNELS


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
    setup_system.ensure(setup_system.TESTS if args.tests else setup_system.GUESTS)
    models.smollm2()
    if args.tests:
        models.sentencepiece_model()
        checkpatch.script()
        coccinelle.patches()
    for name in args.arch or (GUESTS if args.tests else ARCHITECTURES):
        arch = GUESTS[name]
        busybox.busybox(arch)
        for series in (*arch.series, *arch.debug_series):
            if series not in (args.kernel or arch.series):
                continue
            kernel = kernels.kernel(arch, series)
            if not args.no_module:
                checked = args.tests and name in ARCHITECTURES and series in KERNELS
                kbuild_module.build(kernel, checked=checked)
    return 0

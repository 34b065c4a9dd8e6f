# SPDX-License-Identifier: GPL-2.0
"""Run the KUnit suites of the integer core in a guest's kernel.

Prints their results as KTAP, and what failed once more on stderr. The kernel needs KUnit,
which User-mode Linux has and Debian's stock kernels have not.

    python -m harness kunit
    python -m harness kunit --kernel 6.12-kasan
"""

import argparse
import sys

from harness.checks import kunit
from harness.host import packages
from harness.host.architectures import GUESTS, UML


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "--arch", choices=GUESTS, default=UML.name, help=f"{', '.join(GUESTS)}; default {UML.name}"
    )
    parser.add_argument("--kernel", metavar="SERIES", help="a kernel series of the architecture")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    packages.ensure(packages.KERNELS if args.arch == UML.name else packages.GUESTS)
    report = kunit.run(args.arch, args.kernel)
    print(report.ktap, end="")
    for failure in report.failures:
        print(f"🦙 {failure}", file=sys.stderr)
    print(
        f"🦙 {report.passed} results of {len(report.suites)} suites are right, "
        f"{len(report.failures)} are not",
        file=sys.stderr,
    )
    return 1 if report.failures else 0

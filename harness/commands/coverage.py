# SPDX-License-Identifier: GPL-2.0
"""Show the lines and branches of the core and of Python that tests reach, and long gaps.

Runs the tests without a guest on a core with gcov's counters. The module's files around
the core, and the Python code that only guests need, run in guests and count as not reached.
"""

import argparse
from pathlib import Path

from harness.checks import coverage
from harness.host.paths import ROOT
from harness.host.progress import say


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "build" / "coverage",
        metavar="DIR",
        help="folder for the counters and the report; default build/coverage",
    )
    parser.add_argument(
        "tests", nargs="*", default=["tests"], help="files or folders of tests; default all"
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print the report, and keep it."""
    text = coverage.run(args.output.resolve(), args.tests)
    print(text)
    (args.output / "report.txt").write_text(text + "\n")
    say(f"the report lies in {args.output / 'report.txt'}")
    return 0

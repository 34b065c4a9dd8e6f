# SPDX-License-Identifier: GPL-2.0
"""Write the generated C headers, or check that they are up to date."""

import argparse
import sys

from harness import codegen
from harness.host.paths import ROOT


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if a header differs"
    )


def run(args: argparse.Namespace) -> int:
    """Run the verb; return the exit code."""
    stale = 0
    for name, text in codegen.render_all().items():
        path = ROOT / name
        if path.exists() and path.read_text() == text:
            continue
        if args.check:
            print(f"🦙 {name} is stale: run `python -m harness generate-headers`", file=sys.stderr)
            stale += 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"🦙 wrote {name}", file=sys.stderr)
    return 1 if stale else 0

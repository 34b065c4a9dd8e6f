# SPDX-License-Identifier: GPL-2.0
"""Write the golden logits, or check that the core in userspace still gives them."""

import argparse
import sys

from harness.vectors import goldens


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--update", action="store_true", help="write fixtures/golden/")
    what.add_argument(
        "--check", action="store_true", help="compute and compare; exit with 1 if a file differs"
    )


def run(args: argparse.Namespace) -> int:
    """Run the verb; return the exit code."""
    if args.update:
        paths = {goldens.write(goldens.make(recipe)) for recipe in goldens.RECIPES}
        for path in set(goldens.FOLDER.glob("*.json")) - paths:
            path.unlink()
        print(f"{len(paths)} files written")
        return 0
    every = goldens.load()
    wrong = [golden.name for golden in every if not goldens.check(golden)]
    for name in wrong:
        print(f"🦙 {name}: other logits", file=sys.stderr)
    print(f"{len(every) - len(wrong)} of {len(every)} golden files match")
    return 1 if wrong or not every else 0

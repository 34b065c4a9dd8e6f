# SPDX-License-Identifier: GPL-2.0
"""Measure for how long vector registers are held at a time.

In the kernel no other task can run on the processor during such a section. The verb fills a
context in passes of 32 tokens and decodes the last tokens one by one, in userspace, on one
thread; it does not count time that other processes took.

    python -m harness sections smollm2 --isa avx2
"""

import argparse
import dataclasses
import json

from harness.bench import sections
from harness.core import library
from harness.models import catalog


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "model", metavar="MODEL", help=f"a GGUF file, or {', '.join(catalog.NAMES)}"
    )
    parser.add_argument(
        "--isa",
        action="append",
        metavar="NAME",
        help="path to measure; may be given several times (default: the best one)",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object on each line")


def run(args: argparse.Namespace) -> int:
    """Run the verb; return the exit code."""
    model = catalog.resolve(args.model)
    isas = args.isa or [library.usable_isas()[-1]]
    found = [row for isa in isas for row in sections.measure(model, isa)]
    if args.json:
        for row in found:
            print(json.dumps(dataclasses.asdict(row)))
        return 0
    print(f"{'path':<8} {'work':<8} {'sections':>9} {'p50 µs':>9} {'p99 µs':>9} {'max µs':>9}")
    for row in found:
        times = (row.p50_ns, row.p99_ns, row.max_ns)
        print(
            f"{row.isa:<8} {row.work:<8} {row.count:>9} "
            + " ".join(f"{ns / 1000:>9.1f}" for ns in times)
        )
    return 0

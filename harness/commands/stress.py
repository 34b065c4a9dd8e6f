# SPDX-License-Identifier: GPL-2.0
"""Put the module under stress in a guest, and compare every answer.

Some hundred clients of many kinds (docs/testing.md) use /proc/llamux at once, while memory
is filled, processors come and go, and readers are killed. Each completed answer
is compared with the one that the userspace library gave beforehand, alone. At the
end no conversation and no memory may be left, and the kernel's log must be clean.

    python -m harness stress --seconds 120
    python -m harness stress --hours 8 --arch aarch64 --kernel 6.12 --seed 7
    python -m harness stress --kernel 6.12-kasan --seconds 1200

Exits 1 where anything was wrong; a broken kernel has the codes of `boot`.
"""

import argparse
import dataclasses
import json

from harness.checks import stress
from harness.host import packages
from harness.host.architectures import ARCHITECTURES, DEBUG_KERNELS, KERNELS
from harness.host.errors import UsageError

DEFAULT_SECONDS = 120


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    names = [load.model for load in stress.LOADS]
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--seconds", type=int, metavar="N", help=f"of all models together ({DEFAULT_SECONDS})"
    )
    length.add_argument("--hours", type=float, metavar="H", help="the same in hours")
    parser.add_argument("--arch", choices=ARCHITECTURES, default="x86_64", help="default x86_64")
    parser.add_argument(
        "--kernel",
        choices=(*KERNELS, *DEBUG_KERNELS),
        help="a series of Debian's, or one that looks for faults; default 6.1",
    )
    parser.add_argument(
        "--readers", type=int, default=100, metavar="N", help="clients at once (default 100)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of what is asked and how")
    parser.add_argument(
        "--model", action="append", choices=names, help="may be given again; default all"
    )
    parser.add_argument("--json", action="store_true", help="a JSON object a line, for each model")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    seconds = args.seconds if args.seconds is not None else DEFAULT_SECONDS
    if args.hours is not None:
        seconds = round(args.hours * 3600)
    if seconds < 1 or args.readers < 1 or not 0 <= args.seed < 1 << 32:
        raise UsageError("--seconds and --readers must be 1 or more, --seed below 2^32")
    packages.ensure(packages.GUESTS)
    reports = stress.run(
        seconds,
        arch=args.arch,
        kernel=args.kernel,
        clients=args.readers,
        seed=args.seed,
        loads=[load for load in stress.LOADS if not args.model or load.model in args.model],
    )
    for report in reports:
        if args.json:
            print(json.dumps(dataclasses.asdict(report)), flush=True)
        else:
            _show(report)
    return int(any(report.failures for report in reports))


def _show(report: stress.Report) -> None:
    print(f"{report.model}: {report.clients} clients for {report.seconds} s")
    for name, table in (
        ("operations", report.operations),
        ("counts", report.counts),
        ("errors", report.errors),
    ):
        print(f"  {name:<11}" + ", ".join(f"{key} {value}" for key, value in table.items()))
    for failure in report.failures:
        print(f"  FAILED     {failure}")
    if not report.failures:
        print("  nothing lost, nothing mixed, nothing left")

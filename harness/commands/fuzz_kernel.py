# SPDX-License-Identifier: GPL-2.0
"""Fuzz /proc/llamux in a guest whose kernel looks for faults, guided by coverage.

Programs of system calls on its files are made up, run, and kept where they reach code of
the module that none before them has (docs/testing.md). A report in the kernel's log ends
the run; the programs that came before it are saved, and --replay runs them again.

    python -m harness fuzz-kernel --seconds 600 --corpus corpus
    python -m harness fuzz-kernel --arch uml --seconds 60     (one processor, at the host's speed)
    python -m harness fuzz-kernel --kernel 6.1 --seconds 60    (without coverage)
    python -m harness fuzz-kernel --corpus corpus --reduce tests/fuzz/seeds/kernel

Exits 0 where nothing was found; a broken kernel has the codes of `boot`.
"""

import argparse
import dataclasses
import json
from pathlib import Path

from harness.checks import fuzz_kernel
from harness.host import packages
from harness.host.architectures import DEBUG_KERNELS, GUESTS, KERNELS
from harness.host.errors import UsageError

_MISSED = 12  # functions that are named


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--seconds", type=int, default=120, metavar="N", help="default 120")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of what is made up")
    parser.add_argument(
        "--corpus", type=Path, metavar="DIR", help="begin with its inputs, and keep new ones there"
    )
    parser.add_argument("--arch", choices=GUESTS, default="x86_64", help="default x86_64")
    parser.add_argument(
        "--kernel",
        choices=(*KERNELS, *DEBUG_KERNELS),
        help="default 6.12-kasan where there is one; it alone tells what is reached",
    )
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--replay", type=Path, metavar="DIR", help="only run the inputs of a folder")
    other.add_argument(
        "--reduce", type=Path, metavar="DIR", help="write few of the corpus that reach as much"
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    if args.seconds < 1 or not 0 <= args.seed < 1 << 64:
        raise UsageError("--seconds must be 1 or more, --seed below 2^64")
    if args.reduce and not args.corpus:
        raise UsageError("--reduce chooses from the inputs of --corpus DIR: name that, too")
    packages.ensure(packages.GUESTS)
    kasan = DEBUG_KERNELS[0]
    watched = kasan in GUESTS[args.arch].debug_series
    report = fuzz_kernel.run(
        args.seconds,
        arch=args.arch,
        kernel=args.kernel or (kasan if watched else None),
        seed=args.seed,
        corpus=args.replay or args.corpus,
        mode="replay" if args.replay else "reduce" if args.reduce else "fuzz",
    )
    if args.reduce:
        fuzz_kernel.save(args.reduce, report.kept)
    if args.json:
        facts = dataclasses.asdict(report) | {"kept": [data.hex() for data in report.kept]}
        print(json.dumps(facts))
    else:
        _show(report)
    return 0


def _show(report: fuzz_kernel.Report) -> None:
    print(
        f"{report.kernel}: {report.executions} programs, {len(report.kept)} kept,"
        f" {report.killed} too slow, nothing found"
    )
    if report.sites:
        share = 100 * report.blocks / report.sites
        print(f"{report.blocks} of {report.sites} blocks ({share:.0f} %), {report.edges} edges")
        worst = list(report.missed.items())[:_MISSED]
        print("not reached: " + ", ".join(f"{name} {n}" for name, n in worst))
    elif report.blocks:
        print(f"{report.blocks} blocks, {report.edges} edges")

# SPDX-License-Identifier: GPL-2.0
"""Measure how late others wake while conversations are answered.

In a guest a task sleeps until each next millisecond, under SCHED_OTHER and under
SCHED_FIFO. How late it wakes is measured while nothing else runs (quiet), while as many
processes as there are conversations compute in userspace (loops: what any busy
machine costs), and while that many conversations are answered (answers).

On the kernel 6.12-latency (x86_64, built in minutes) also for how long a processor was held:
the longest time with preemption or interrupts off, of half of all seconds and of all, and
from which function to which.

    python -m harness latency --kernel 6.12-latency

Under TCG every figure is the emulator's more than the kernel's: look at the ratios.
"""

import argparse
import dataclasses
import json

from harness.bench import latency
from harness.host import packages
from harness.host.architectures import GUESTS, KERNELS, UML
from harness.models import catalog


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--seconds", type=int, default=10, metavar="N", help="of each (default 10)")
    parser.add_argument("--arch", choices=GUESTS, default="x86_64", help="default x86_64")
    parser.add_argument(
        "--kernel",
        choices=(*KERNELS, latency.TRACED),
        help="Debian's kernel series, default 6.1, uml 6.12; or the kernel that traces",
    )
    parser.add_argument(
        "--model", default="smollm2", help=f"a GGUF file, or {', '.join(catalog.NAMES)}"
    )
    parser.add_argument("--smp", type=int, metavar="N", help="processors; default 2, uml 1")
    parser.add_argument(
        "--conversations",
        type=int,
        default=latency.CONVERSATIONS,
        metavar="N",
        help=f"at once (default {latency.CONVERSATIONS})",
    )
    parser.add_argument("--accel", choices=("kvm", "tcg"), help="default: KVM where it works")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    packages.ensure(packages.KERNELS if args.arch == UML.name else packages.GUESTS)
    report = latency.run(
        args.seconds,
        arch=args.arch,
        kernel=args.kernel,
        model=args.model,
        smp=args.smp,
        conversations=args.conversations,
        accel=args.accel,
    )
    if args.json:
        print(json.dumps(dataclasses.asdict(report)))
    else:
        _show(report)
    return 0


def _show(report: latency.LatencyReport) -> None:
    print(
        f"{report.kernel} on {report.arch}, {report.acceleration}, {report.processors} processors, "
        f"{report.conversations} conversations of {report.model}, {report.seconds} s each"
    )
    heads = " ".join(f"{head:>9}" for head in ("p50 µs", "p99 µs", "max µs"))
    print(f"{'load':<8} {'policy':<12} {'wakes':>6} {heads}   beside quiet")
    for row in report.rows:
        quiet = report.row(latency.QUIET, row.policy)
        ratios = (row.p50_us / quiet.p50_us, row.p99_us / quiet.p99_us, row.max_us / quiet.max_us)
        print(
            f"{row.load:<8} {row.policy:<12} {row.wakes:>6} {row.p50_us:>9.1f} {row.p99_us:>9.1f} "
            f"{row.max_us:>9.1f}   " + " ".join(f"{ratio:.1f}" for ratio in ratios)
        )
    for row in report.rows:
        if row.held:
            print(
                f"{row.load:<8} {row.policy:<12} held {row.held.p50_us} µs in half of the seconds, "
                f"at most {row.held.max_us} µs, from {row.held.began} to {row.held.ended}"
            )

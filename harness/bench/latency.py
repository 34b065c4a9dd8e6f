# SPDX-License-Identifier: GPL-2.0
"""Wake-up latency of other tasks while the module answers.

The kernel ``6.12-latency`` also traces for how long a processor is held.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.guests.guest import Guest
from harness.host.architectures import architecture
from harness.host.errors import HarnessError
from harness.host.paths import GUEST_PROGRAMS
from harness.kernels import module
from harness.models import catalog
from harness.native import cross

PROGRAM = GUEST_PROGRAMS / "latency"
CONVERSATIONS = 4
QUIET = "quiet"
LOADS = (QUIET, "loops", "answers")
"""Loads: none, processes that compute in userspace, and as many that read answers."""


TRACED = "6.12-latency"
"""Kernel that traces for how long a processor is held."""

_TRACING = "/sys/kernel/tracing"


@dataclass(frozen=True)
class Held:
    """Longest times with preemption or interrupts off, in microseconds."""

    p50_us: int
    """Median over the longest time of each second."""
    max_us: int
    began: str
    """Function in which the longest time began."""
    ended: str
    """Function in which the longest time ended."""


@dataclass(frozen=True)
class Lateness:
    """Lateness of a task that is due each millisecond, in microseconds."""

    load: str
    policy: str
    wakes: int
    p50_us: float
    p99_us: float
    max_us: float
    answer_bytes: int
    """Bytes that the conversations answered meanwhile."""
    held: Held | None


@dataclass(frozen=True)
class LatencyReport:
    """All measurements, and the guest that they were made in."""

    arch: str
    kernel: str
    acceleration: str
    processors: int
    conversations: int
    seconds: int
    model: str
    rows: Sequence[Lateness]

    def row(self, load: str, policy: str) -> Lateness:
        """Return the measurement under a load and a policy."""
        return next(row for row in self.rows if (row.load, row.policy) == (load, policy))


def parse(output: str) -> list[Lateness]:
    """Return the measurements that the guest's program printed."""
    rows = []
    for line in output.splitlines():
        load, policy, wakes, p50, p99, most, read, *rest = line.split()
        held = None if rest[0] == "-" else Held(int(rest[0]), int(rest[1]), rest[2], rest[3])
        times = (float(p50), float(p99), float(most))
        rows.append(Lateness(load, policy, int(wakes), *times, int(read), held))
    return rows


def run(
    seconds: int,
    *,
    arch: str = "x86_64",
    kernel: str | None = None,
    model: str = "smollm2",
    smp: int | None = None,
    conversations: int = CONVERSATIONS,
    accel: str | None = None,
) -> LatencyReport:
    """Boot a guest and measure for ``seconds`` under each load and policy.

    Measuring starts when each conversation is past its prompt; HarnessError if one never is.
    """
    with Guest(
        arch,
        kernel,
        model=catalog.resolve(model),
        module=module.build_module(arch, kernel),
        smp=smp,
        accel=accel,
        files={"/latency/program": cross.program(PROGRAM, architecture(arch).processor)},
    ) as guest:
        if kernel == TRACED:
            guest.check(f"mount -t tracefs none {_TRACING}")
            guest.check(f"echo preemptirqsoff >{_TRACING}/current_tracer")
        done = guest.run(
            "cp /latency/program /latency/latency && chmod 755 /latency/latency"
            f" && /latency/latency {seconds} {conversations}",
            timeout=600 + 12 * seconds,
        )
        rows = parse(done.text)
        if done.exit_code or len(rows) != 2 * len(LOADS):
            raise HarnessError(
                f"the guest's program ended with {done.exit_code}: "
                f"{done.errors.decode(errors='replace').strip()}"
            )
        report = LatencyReport(
            arch,
            guest.kernel.release,
            str(guest.acceleration),
            int(guest.check("nproc")),
            conversations,
            seconds,
            model,
            rows,
        )
        guest.assert_clean_log()
    return report

# SPDX-License-Identifier: GPL-2.0
"""How late others wake while the module answers, and for how long a processor is held.

The latter where the kernel traces it (``6.12-latency``).
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
"""Nothing; processes that compute in userspace; as many that read answers."""


TRACED = "6.12-latency"
"""The kernel that says how long a processor is held."""

_TRACING = "/sys/kernel/tracing"


@dataclass(frozen=True)
class Held:
    """With preemption or interrupts off, without a break. Times in microseconds."""

    p50_us: int
    """Of each second's longest time."""
    max_us: int
    began: str
    """The function in which the longest one began."""
    ended: str


@dataclass(frozen=True)
class Lateness:
    """Of a task that wants to wake each millisecond. Times in microseconds."""

    load: str
    policy: str
    wakes: int
    p50_us: float
    p99_us: float
    max_us: float
    answer_bytes: int
    """That the conversations gave meanwhile."""
    held: Held | None


@dataclass(frozen=True)
class Report:
    """All of it, and where."""

    arch: str
    kernel: str
    acceleration: str
    processors: int
    conversations: int
    seconds: int
    model: str
    rows: Sequence[Lateness]

    def row(self, load: str, policy: str) -> Lateness:
        """One measurement."""
        return next(row for row in self.rows if (row.load, row.policy) == (load, policy))


def parse(output: str) -> list[Lateness]:
    """What the guest's program printed."""
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
) -> Report:
    """Boot a guest and measure for ``seconds`` under each load and policy.

    Each conversation is past its prompt then. Raises HarnessError where one never is.
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
        report = Report(
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

# SPDX-License-Identifier: GPL-2.0
"""Check the kernel that measures how long a processor is held without preemption."""

import pytest

from harness.bench import latency
from harness.guests.guest import MODULE_PATH, Guest
from harness.host.paths import ROOT
from harness.kernels import module as kbuild_module

pytestmark = pytest.mark.debug_kernel("latency")

TRACING = "/sys/kernel/tracing"
HELD_MS = 50


@pytest.mark.parametrize("arch", ["x86_64"])
def test_a_held_processor_is_seen(arch: str, kernel: str) -> None:
    module = kbuild_module.build_module(arch, kernel, ROOT / "fixtures" / "faults")
    with Guest(arch, kernel, load_module=False, module=module) as guest:
        guest.check(
            f"mount -t tracefs none {TRACING} && cd {TRACING} && "
            "echo preemptirqsoff >current_tracer && echo 0 >tracing_max_latency && "
            f"insmod {MODULE_PATH} kind=hold"
        )
        assert int(guest.check(f"cat {TRACING}/tracing_max_latency")) >= HELD_MS * 1000


@pytest.mark.parametrize("arch", ["x86_64"])
def test_answers_hold_no_processor(arch: str, kernel: str) -> None:
    """Check the median against a loose bound, since the host also interrupts the emulator."""
    report = latency.run(10, arch=arch, kernel=kernel)
    for policy in ("SCHED_OTHER", "SCHED_FIFO"):
        held = report.row("answers", policy).held
        assert held
        assert held.p50_us < HELD_MS * 1000

# SPDX-License-Identifier: GPL-2.0
"""Kernel logs are read right: trouble by its kind, and a healthy log as healthy."""

import pytest

from harness.guests import errors, kernel_log
from harness.guests.errors import GuestError
from harness.host.errors import HarnessError

HEALTHY = """\
[    0.000000] Linux version 6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org)
[    0.101000] x86/mm: Checked W+X mappings: passed, no W+X pages found.
[    2.675645] Unstable clock detected, switching default tracing clock to "global"
[    3.002640] llamux: loading out-of-tree module taints kernel.
[    3.004878] llamux: module verification failed: signature and/or required key missing
[    3.1] debugfs: debug_level=BUGGY
"""

TROUBLE = [
    ("Kernel panic - not syncing: sysrq triggered crash", errors.GuestPanic),
    ("BUG: unable to handle page fault for address: 0000000000000008", errors.GuestOops),
    ("BUG: kernel NULL pointer dereference, address: 0000000000000008", errors.GuestOops),
    ("Oops: 0002 [#1] PREEMPT SMP NOPTI", errors.GuestOops),
    ("Unable to handle kernel NULL pointer dereference at virtual", errors.GuestOops),
    ("Internal error: Oops: 0000000096000044 [#1] SMP", errors.GuestOops),
    ("general protection fault, probably for non-canonical address", errors.GuestOops),
    ("watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [cat:120]", errors.GuestHang),
    ("rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", errors.GuestHang),
    ("rcu: INFO: rcu_preempt self-detected stall on CPU", errors.GuestHang),
    ("INFO: task cat:120 blocked for more than 120 seconds.", errors.GuestHang),
    ("kernel BUG at mm/vmalloc.c:2900!", errors.GuestBug),
    ("BUG: sleeping function called from invalid context", errors.GuestBug),
    ("BUG: scheduling while atomic: cat/120/0x00000002", errors.GuestBug),
    ("WARNING: possible recursive locking detected", errors.GuestBug),
    ("WARNING: possible circular locking dependency detected", errors.GuestBug),
    ("BUG: KASAN: slab-out-of-bounds in llama_forward", errors.GuestBug),
    ("UBSAN: array-index-out-of-bounds in kmod/conversations/sessions.c", errors.GuestBug),
    ("refcount_t: underflow; use-after-free.", errors.GuestBug),
    (
        "WARNING: CPU: 1 PID: 120 at kmod/conversations/sessions.c:12 f+0x1/0x2 [llamux]",
        errors.GuestWarning,
    ),
    ("Call Trace:", errors.GuestWarning),
]


def test_a_healthy_log_is_clean() -> None:
    kernel_log.assert_clean(HEALTHY)


@pytest.mark.parametrize(("line", "error"), TROUBLE)
def test_each_kind_of_trouble(line: str, error: type[GuestError]) -> None:
    with pytest.raises(error) as caught:
        kernel_log.assert_clean(f"{HEALTHY}[    4.000000] {line}\n")
    assert type(caught.value) is error
    assert line in str(caught.value)


def test_exit_codes_are_distinct() -> None:
    kinds = [kind for kind in _below(HarnessError) if kind is not GuestError]
    codes = [kind.exit_code for kind in kinds if "exit_code" in vars(kind)]
    assert len(set(codes)) == len(codes)


def _below(kind: type[HarnessError]) -> list[type[HarnessError]]:
    found = [kind]
    for child in kind.__subclasses__():
        found += _below(child)
    return found

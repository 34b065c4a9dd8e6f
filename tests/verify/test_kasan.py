# SPDX-License-Identifier: GPL-2.0
"""The kernel that watches memory, locks and sleeping: it sees faults, and the module has none.

`make verify` runs the guests' tests on it first, in the same guests, which are asked last
for what leaked.
"""

import errno
import os
from collections.abc import Iterator

import pytest
from guest_lab import DEBUG, OPTIONS, PROMPT, TINY, ask, leaks, loaded, new_lines, watches_leaks

from harness import guest_errors, kbuild_module
from harness.guest import MODULE_PATH, Guest, Result
from harness.guest_pool import GuestPool
from harness.paths import ROOT

FAULTS = ROOT / "fixtures" / "faults"
FAILURES = 60
"""Allocations that are made to fail, one after the other; more than anything here makes."""
SELFTEST = 10
"""From here on the self-test, whose memory comes first, is left out."""

MODULES = {
    "x86_64": ("0xffffffffa0000000", "0xffffffffff000000"),
    "aarch64": ("0xffffffc000000000", "0xffffffc080000000"),
    "uml": ("0x70000000", "0x100000000"),
}
"""Where modules lie."""


@pytest.fixture
def faults(kernel: str, arch: str) -> Iterator[Guest]:
    """A guest of its own with the module that breaks kernels."""
    module = kbuild_module.build_module(arch, kernel, FAULTS)
    with Guest(arch, kernel, load_module=False, module=module) as guest:
        yield guest


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("overrun", "BUG: KASAN: vmalloc-out-of-bounds in faults_init"),
        ("stale", "BUG: KASAN: slab-use-after-free in faults_init"),
        ("sleep", "BUG: sleeping function called from invalid context"),
        ("deadlock", "WARNING: possible circular locking dependency detected"),
    ],
)
def test_a_fault_is_seen(faults: Guest, kind: str, said: str) -> None:
    with pytest.raises(guest_errors.GuestBug) as caught:
        faults.run(f"insmod {MODULE_PATH} kind={kind}; sleep 10")
    assert said in caught.value.log


def test_a_leak_is_seen(faults: Guest) -> None:
    faults.check(f"insmod {MODULE_PATH} kind=none; rmmod faults")
    assert leaks(faults) == []
    faults.check(f"insmod {MODULE_PATH} kind=leak")
    (leak,) = leaks(faults)
    assert "(size 1024)" in leak


@pytest.fixture
def failing(lab: Guest) -> Iterator[Guest]:
    """`lab`, where N in /proc/self/fail-nth is a task's Nth allocation on a module's behalf."""
    assert watches_leaks(lab)
    start, end = MODULES[lab.kernel.architecture.name]
    for kind in ("failslab", "fail_page_alloc"):
        lab.check(
            f"cd {DEBUG}/{kind} && echo 0 >verbose && echo N >ignore-gfp-wait && "
            f"echo 32 >stacktrace-depth && echo {start} >require-start && echo {end} >require-end"
        )
    lab.check(f"cd {DEBUG}/fail_page_alloc && echo N >ignore-gfp-highmem && echo 0 >min-order")
    # What the kernel says about every failure is no fault: look at the rest, afterwards.
    lab.check("echo 4 >/proc/sys/kernel/printk; dmesg -c >/dev/null")
    yield lab
    lab.check("echo 7 >/proc/sys/kernel/printk")


def assert_no_fault(guest: Guest) -> None:
    """The log has no trouble but warnings of failed allocations."""
    found = guest_errors.trouble(guest.check("dmesg"))
    assert [line for line, _ in found if "Call Trace:" not in line] == []


def with_failure(guest: Guest, nth: int, command: str) -> Result:
    """Run a command whose Nth allocation fails."""
    return guest.run(f"sh -c 'echo {nth} >/proc/self/fail-nth; {command}'")


def test_loading_with_a_failing_allocation(failing: Guest) -> None:
    failures = 0
    for nth in range(1, FAILURES):
        # busybox's insmod tries a second way when the first is refused. The self-test takes
        # seconds, and its memory at once.
        load = f"exec insmod {MODULE_PATH} model={TINY} selftest={int(nth < SELFTEST)}"
        with new_lines(failing) as lines:
            done = with_failure(failing, nth, load)
        assert done.exit_code == 0, done
        failing.check("rmmod llamux")
        failures += "error -12" in lines[0]
    assert failures >= 3
    assert_no_fault(failing)


def test_answering_with_a_failing_allocation(failing: Guest) -> None:
    write = f"printf hello >{PROMPT}"
    with loaded(failing):
        answer = ask(failing, "hello", 8)
        failures = 0
        for nth in range(1, FAILURES):
            with_failure(failing, nth, write)
            failing.check(write)
            done = with_failure(failing, nth, f"exec cat {PROMPT}")
            if done.exit_code:
                # No page for the reader's own buffer is a bad address, not the module's error.
                errors = [os.strerror(code) for code in (errno.ENOMEM, errno.EFAULT)]
                assert any(error in done.errors.decode() for error in errors)
                failures += 1
            else:
                assert done.output == answer
            assert failing.run(f"cat {PROMPT}").output == answer
        assert failures >= 3
        for nth in range(1, 10):
            with_failure(failing, nth, f'printf "seed 5\\n" >{OPTIONS}')
            for name in ("options", "stats", "status"):
                with_failure(failing, nth, f"exec cat /proc/llamux/{name}")
        assert ask(failing, "hello", 8) == answer
    assert_no_fault(failing)


def test_nothing_has_leaked(lab: Guest, guest_pool: GuestPool) -> None:
    with loaded(lab):
        assert ask(lab, "hello", 8)
    for guest in guest_pool.running():
        assert guest.run("grep -q ^llamux /proc/modules").exit_code
        assert leaks(guest) == []

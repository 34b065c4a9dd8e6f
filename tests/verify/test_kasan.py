# SPDX-License-Identifier: GPL-2.0
"""Check that the debug kernel detects memory, locking and sleeping faults, and finds none.

`make verify` first runs the guest tests on this kernel, in the same guests; the last test here
checks those guests for leaks.
"""

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from harness.guests import errors as guest_errors
from harness.guests.guest import MODULE_PATH, Guest, Result
from harness.guests.pool import GuestPool
from harness.host.architectures import architecture
from harness.host.paths import ROOT
from harness.kernels import module as kbuild_module
from harness.native import cross
from llamux import uapi
from tests.support import sample
from tests.support.lab import (
    CHAT,
    CONTROL,
    DEBUG,
    LOGITS,
    OPTIONS,
    PROGRAMS,
    PROMPT,
    TINY,
    TINY_SPM,
    TOOLS,
    ask,
    leaks,
    loaded,
    stats,
    watches_leaks,
)
from tests.support.signed import MODULE as SIGNED_MODULE
from tests.support.signed import files as signed_files

pytestmark = pytest.mark.debug_kernel("kasan")

FAULTS = ROOT / "fixtures" / "faults"
FAIL_NTH = "/fail_nth"
LIMIT = 1000
"""Maximum number of allocations that fail in turn; a command that makes as many fails its test."""

MODULES = {
    "x86_64": ("0xffffffffa0000000", "0xffffffffff000000"),
    "aarch64": ("0xffffffc000000000", "0xffffffc080000000"),
    "uml": ("0x70000000", "0x100000000"),
}
"""Address range of modules, keyed by architecture."""


@pytest.fixture
def faults(kernel: str, arch: str) -> Iterator[Guest]:
    """Yield a new guest with the module that breaks kernels."""
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


@contextmanager
def failing_allocations(guest: Guest) -> Iterator[Guest]:
    """Yield the guest, where N in a task's fail-nth fails its Nth allocation for a module."""
    assert watches_leaks(guest)
    start, end = MODULES[guest.kernel.architecture.name]
    for kind in ("failslab", "fail_page_alloc"):
        guest.check(
            f"cd {DEBUG}/{kind} && echo 0 >verbose && echo N >ignore-gfp-wait && "
            f"echo 32 >stacktrace-depth && echo {start} >require-start && echo {end} >require-end"
        )
    guest.check(f"cd {DEBUG}/fail_page_alloc && echo N >ignore-gfp-highmem && echo 0 >min-order")
    # The kernel warns of every injected failure; assert_no_fault() checks the other lines.
    guest.check(f"echo 4 >/proc/sys/kernel/printk; chmod +x /{' /'.join(PROGRAMS)}; dmesg -c")
    yield guest
    guest.check("echo 7 >/proc/sys/kernel/printk")


@pytest.fixture
def failing(lab: Guest) -> Iterator[Guest]:
    """Yield `lab` with failing allocations enabled."""
    with failing_allocations(lab) as guest:
        yield guest


def assert_no_fault(guest: Guest) -> None:
    """Check that the log has no trouble except failed allocations, and empty it."""
    found = guest_errors.trouble(guest.check("dmesg -c"))
    assert [line for line, _ in found if "Call Trace:" not in line] == []


def each_failing(guest: Guest, command: str, stdin: bytes = b"") -> Iterator[Result]:
    """Yield a command's results as its first allocation fails, then its second, and so on.

    The last result is that of a run in which no allocation failed.
    """
    for nth in range(1, LIMIT):
        done = guest.run(f"{FAIL_NTH} {nth} {command}", stdin=stdin, timeout=120)
        errors, _, left = done.errors.rpartition(b"left ")
        yield replace(done, errors=errors)
        assert_no_fault(guest)
        if int(left):
            return
    pytest.fail(f"`{command}` makes {LIMIT} allocations, or more")


def told(done: Result) -> bool:
    """Return whether the command failed; check that lack of memory was the cause."""
    if done.exit_code:
        # The kernel reports a missing page for the reader's own buffer as EFAULT.
        errors = [os.strerror(code) for code in (errno.ENOMEM, errno.EFAULT)]
        assert any(error in done.errors.decode() for error in errors), done
    return done.exit_code != 0


def test_loading_with_a_failing_allocation(failing: Guest) -> None:
    load = f"insmod {MODULE_PATH} model={TINY}"
    refused = 0
    for done in each_failing(failing, f"{load} selftest=0"):
        assert done.exit_code in (0, errno.ENOMEM), done
        refused += done.exit_code != 0
        failing.check("rmmod llamux" if not done.exit_code else "! grep ^llamux /proc/modules")
    assert done.exit_code == 0
    assert refused >= 3


def test_a_self_test_with_a_failing_allocation(failing: Guest) -> None:
    """Check the self-test alone: the unknown path stops the load after it."""
    codes = [
        done.exit_code
        for done in each_failing(failing, f"insmod {MODULE_PATH} model={TINY} isa=none")
    ]
    assert codes[-1] == errno.EINVAL
    assert set(codes) == {errno.ENOMEM, errno.EINVAL}


def test_answering_with_a_failing_allocation(failing: Guest) -> None:
    write = f"echo hello >{PROMPT}"
    with loaded(failing):
        answer = ask(failing, "hello", 8)
        failures = 0
        for done in each_failing(failing, f"sh -c '{write}'"):
            failures += told(done)
            failing.check(write)
            assert failing.run(f"cat {PROMPT}").output == answer
        assert failures >= 1
        failing.check(write)
        failures = 0
        for done in each_failing(failing, f"cat {PROMPT}"):
            failures += told(done)
            assert answer.startswith(done.output)
            assert failing.run(f"cat {PROMPT}").output == answer
            failing.check(write)
        assert failures >= 3


def test_a_dialogue_with_a_failing_allocation(failing: Guest) -> None:
    """Check that a failed turn keeps the earlier turns."""
    turns = ("one", "and two")

    def begin(n: int) -> None:
        """Set up a dialogue of n answered turns and write the next turn."""
        options = "reset\ntemplate chatml\nmax_tokens 4\n"
        said = "".join(f"echo {turn} >{CHAT}; cat {CHAT}; " for turn in turns[:n])
        failing.check(f"printf '{options}' >{OPTIONS}; {said} echo {turns[n]} >{CHAT}")

    with loaded(failing):
        for n, turn in enumerate(turns):
            begin(n)
            answer = failing.run(f"cat {CHAT}").output
            assert answer
            begin(n)
            failures = 0
            for done in each_failing(failing, f"cat {CHAT}"):
                failures += told(done)
                assert answer.startswith(done.output)
                assert failing.run(f"cat {CHAT}").output == answer
                begin(n)
            assert failures >= 3
            for done in each_failing(failing, f"sh -c 'echo {turn} >{CHAT}'"):
                told(done)
                failing.check(f"echo {turn} >{CHAT}")
                assert failing.run(f"cat {CHAT}").output == answer
                begin(n)


def test_files_with_a_failing_allocation(failing: Guest) -> None:
    tokens = f"exec 3<>{LOGITS}; echo 1 2 3 >&3"
    with loaded(failing):
        answer = ask(failing, "hello", 8)
        want = failing.run(f"{tokens}; sha256sum <&3").output
        for name in ("options", "stats", "status", "models"):
            for done in each_failing(failing, f"cat /proc/llamux/{name}"):
                told(done)
        shown = failing.check(f"cat {OPTIONS}")
        for done in each_failing(failing, f"sh -c 'echo seed 5 >{OPTIONS}'"):
            seed = 0 if told(done) else 5
            assert f"\nseed {seed}\n" in failing.check(f"cat {OPTIONS}")
            failing.check(f"echo seed 0 >{OPTIONS}")
        assert failing.check(f"cat {OPTIONS}") == shown
        failures = 0
        for done in each_failing(failing, f"sh -c '{tokens} && exec sha256sum <&3'"):
            failed = told(done)
            failures += failed
            assert failed or done.output == want
        assert failures >= 3
        assert ask(failing, "hello", 8) == answer


def test_ioctls_with_a_failing_allocation(failing: Guest) -> None:
    with loaded(failing):
        get = f"sh -c 'exec /file_call {uapi.GET_OPTIONS} 3<>{PROMPT}'"
        options = failing.run(get, stdin=bytes(ctypes.sizeof(uapi.IocOptions))).output
        figures = bytes(ctypes.sizeof(uapi.IocFigures))
        for command, argument in (
            (uapi.GET_OPTIONS, options),
            (uapi.SET_OPTIONS, options),
            (uapi.FIGURES, figures),
            (uapi.RESET, b""),
        ):
            call = f"sh -c 'exec 3<>{PROMPT}; exec /file_call {command}'"
            codes = set()
            for done in each_failing(failing, call, argument):
                # A failed call exits with its errno; an earlier failure makes the shell print.
                assert done.errors or done.exit_code in (0, errno.ENOMEM, errno.EFAULT), done
                if done.errors:
                    told(done)
                codes.add(done.exit_code)
            assert done.exit_code == 0
            assert len(codes) > 1
        assert stats(failing)["conversations"] == "0"


def test_adding_a_model_with_a_failing_allocation(failing: Guest) -> None:
    with loaded(failing):
        before = stats(failing)["memory_bytes"]
        failures = 0
        for done in each_failing(failing, f"sh -c 'echo load {TINY_SPM} >{CONTROL}'"):
            failed = told(done)
            failures += failed
            if not failed:
                failing.check(f"echo unload tiny-spm >{CONTROL}")
            assert failing.check("cut -f1,2 /proc/llamux/models") == "tiny\tdefault\n"
            assert stats(failing)["memory_bytes"] == before
        assert failures >= 3
        for done in each_failing(failing, f"sh -c 'echo default tiny >{CONTROL}'"):
            told(done)


def test_another_module_asks_with_a_failing_allocation(
    failing: Guest, arch: str, kernel: str | None
) -> None:
    sample.bring_sample(failing, arch, kernel)
    with loaded(failing):
        for arguments in ("prompt=hello max_tokens=8", "prompt=hello candidates=a,bc"):
            want = sample.asked(failing, arguments)
            assert want.result == 0
            failures = 0
            for done in each_failing(failing, f"insmod /sample.ko {arguments}"):
                assert done.exit_code in (0, errno.ENOMEM), done
                assert stats(failing)["conversations"] == "0"
                if done.exit_code:  # the sample could not create its own file
                    continue
                found = sample.parse(failing.run("cat /proc/llamux_sample").output)
                failing.check("rmmod llamux_sample")
                assert found == want or found.result == -errno.ENOMEM
                failures += found.result != 0
            assert found == want
            assert failures >= 3


def test_polling_with_a_failing_allocation(failing: Guest) -> None:
    """Check a poller and the producer thread that answers it."""
    with loaded(failing):
        answer = ask(failing, "hello", 8)
        failures = 0
        for done in each_failing(failing, "/readiness poll hello"):
            failed = told(done)
            failures += failed
            assert failed or done.output == answer
        assert failures >= 3
        assert stats(failing)["conversations"] == "1"


def test_a_thread_answers_with_a_failing_allocation(failing: Guest) -> None:
    with loaded(failing):
        ask(failing, "hello", 8)
        done = failing.run(f"{FAIL_NTH} thread {LIMIT} hello", timeout=3600)
        assert done.exit_code == 0, done
        failed, said = map(int, done.text.split())
        print(f"{failed} allocations failed, and {said} times a read")
        assert failed >= said >= 3
        assert_no_fault(failing)


@pytest.fixture
def signed(arch: str, kernel: str, guest_pool: GuestPool) -> Iterator[Guest]:
    """Yield a guest with signed models and failing allocations enabled."""
    files = dict(signed_files(arch, kernel))
    processor = architecture(arch).processor
    for name in PROGRAMS:
        files[f"/{name}"] = cross.executable(TOOLS / f"{name}.c", processor, with_core=False)
    guest = guest_pool.get(arch, kernel, load_module=False, files=files)
    with failing_allocations(guest):
        yield guest


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"], indirect=True)  # UML verifies none
@pytest.mark.parametrize("model", ["good/appended", "good/detached", "bad/model-byte-99"])
def test_a_signature_with_a_failing_allocation(signed: Guest, model: str) -> None:
    """Check that a changed model is never loaded, whichever allocation fails.

    The kernel's RSA reports a failed allocation in rsa_check_payload() as EINVAL, and
    pkcs7_validate_trust() reports it as EKEYREJECTED; the log must name rsa_check_payload().
    """
    load = f"insmod {SIGNED_MODULE} selftest=0 require_signature=1"
    verdict = errno.EKEYREJECTED if model.startswith("bad") else 0
    refused = 0
    signed.check(f"echo 2 >{DEBUG}/failslab/verbose")
    for done in each_failing(signed, f"{load} model=/{model}.gguf"):
        if done.exit_code not in (verdict, errno.ENOMEM):
            assert done.exit_code in (errno.EINVAL, errno.EKEYREJECTED), done
            signed.check("dmesg | grep 'rsa_check_payload'")
        refused += done.exit_code == errno.ENOMEM
        signed.check("! grep ^llamux /proc/modules" if done.exit_code else "rmmod llamux")
    assert done.exit_code == verdict
    assert refused >= 3


@pytest.mark.every_time
def test_nothing_has_leaked(lab: Guest, guest_pool: GuestPool) -> None:
    with loaded(lab):
        assert ask(lab, "hello", 8)
    for guest in guest_pool.running():
        assert guest.run("grep -q ^llamux /proc/modules").exit_code
        assert leaks(guest) == []

# SPDX-License-Identifier: GPL-2.0
"""Guests: commands, files, signals, and every kind of trouble noticed for what it is."""

import errno
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from harness.guests import errors
from harness.guests.errors import GuestError
from harness.guests.guest import Guest, new_guest
from harness.guests.spec import GuestSpec
from harness.host import patience
from harness.host.architectures import KERNELS
from harness.host.paths import ROOT
from harness.kernels import module as kbuild_module

FAULTS = ROOT / "fixtures" / "faults"


def test_output_errors_and_verdict_travel_apart(bare_guest: Guest) -> None:
    result = bare_guest.run("echo out; echo err >&2; echo '<3>to the log' >/dev/kmsg; exit 7")
    assert (result.output, result.errors, result.exit_code) == (b"out\n", b"err\n", 7)
    assert "to the log" in bare_guest.log()


def test_output_is_exact(bare_guest: Guest) -> None:
    data = bytes(range(256)) * 150 + b"\x1e" * 40
    bare_guest.put_file("/tmp/data", data)
    assert bare_guest.run("cat /tmp/data").output == data
    assert bare_guest.run("cat", stdin=b"no newline at the end").output == b"no newline at the end"


def test_commands_share_a_session_with_a_terminal(bare_guest: Guest) -> None:
    name = bare_guest.check("tty </dev/tty").strip()
    assert name == "/dev/tty"
    session = "cut -d' ' -f6 /proc/self/stat"
    assert bare_guest.check(session) == bare_guest.check(session)


def test_interrupt_is_a_real_one(bare_guest: Guest) -> None:
    command = bare_guest.start("trap 'echo caught; exit 9' INT; echo begun; sleep 60 & wait")
    command.read_until(lambda output: output == b"begun\n")
    command.interrupt()
    result = command.wait(20)
    assert (result.output, result.exit_code) == (b"begun\ncaught\n", 9)
    assert bare_guest.check("echo alive") == "alive\n"


def test_output_arrives_as_it_is_made(bare_guest: Guest) -> None:
    arrivals: list[tuple[float, bytes]] = []
    bare_guest.run(
        "echo one; sleep 1; echo two",
        on_output=lambda data: arrivals.append((time.monotonic(), data)),
    )
    assert b"".join(data for _, data in arrivals) == b"one\ntwo\n"
    assert arrivals[-1][0] - arrivals[0][0] > 0.5


@pytest.fixture
def faults(arch: str) -> Iterator[Guest]:
    """A guest of its own with the module that breaks kernels at /lib/modules."""
    module = kbuild_module.build_module(arch, KERNELS[0], FAULTS)
    with new_guest(GuestSpec(arch, load_module=False, module=module)) as guest:
        yield guest


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("warning", errors.GuestWarning),
        ("oops", errors.GuestOops),
        ("bug", errors.GuestBug),
        ("panic", errors.GuestPanic),
    ],
)
def test_a_broken_kernel_fails_at_once(faults: Guest, kind: str, error: type[GuestError]) -> None:
    assert faults.run("insmod /lib/modules/llamux.ko kind=refuse").exit_code == errno.EINVAL
    clock = patience.Clock()
    with pytest.raises(error) as caught:
        faults.run(f"insmod /lib/modules/llamux.ko kind={kind}; sleep 100")
    assert clock.seconds() < 30
    assert type(caught.value) is error
    assert "on purpose" in caught.value.log or kind == "oops"
    assert faults.broken


def test_a_lost_guest_is_no_failed_command(faults: Guest) -> None:
    with pytest.raises(errors.GuestLost):
        faults.run("poweroff -f; sleep 100")


def test_a_hang_ends_at_the_time_limit(faults: Guest) -> None:
    with pytest.raises(errors.GuestHang):
        faults.run("sleep 100", timeout=1)


def test_a_refused_module_is_its_own_error(arch: str) -> None:
    module = kbuild_module.build_module(arch, KERNELS[0], FAULTS)
    with pytest.raises(errors.ModuleLoadError):
        new_guest(GuestSpec(arch, module=module, module_args="kind=refuse")).boot()


def boot_verb(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the verb as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "harness", "boot", *arguments],
        cwd=ROOT,
        capture_output=True,
        timeout=patience.scaled(300),
        check=False,
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_verb_prints_output_alone_and_returns_the_exit_code(
    arch: str, kernel: str, tmp_path: Path
) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"carried")
    done = boot_verb(
        arch, "--kernel", kernel, "--no-module", "--smp", "1", f"--file={file}:/etc/a", "--",
        "cat /etc/a; echo; nproc; uname -rm; echo bad >&2; exit 3",
    )  # fmt: skip
    carried, processors, system = done.stdout.decode().splitlines()
    assert (carried, processors, done.returncode) == ("carried", "1", 3)
    assert system.startswith(f"{kernel}.")
    assert system.endswith(arch)
    assert b"bad" in done.stderr


def test_verb_has_an_exit_code_for_trouble(arch: str) -> None:
    done = boot_verb(arch, "--no-module", "--", "echo c >/proc/sysrq-trigger; sleep 100")
    assert done.returncode in (
        errors.GuestPanic.exit_code,
        errors.GuestOops.exit_code,
    )
    assert b"sysrq" in done.stderr
    assert done.stdout == b""


def test_a_shell_has_job_control_and_a_terminal(arch: str) -> None:
    """Check `make shell` without the module, on a terminal of our own."""
    program = (
        "import sys; from harness.guests.guest import new_guest\n"
        "from harness.guests.spec import GuestSpec\n"
        "from harness.guests.terminal import interactive\n"
        f"with new_guest(GuestSpec({arch!r}, module=None)) as guest: sys.exit(interactive(guest))"
    )
    command = ["-c", program]
    child = pexpect.spawn(sys.executable, command, cwd=ROOT, timeout=patience.scaled(30))
    child.setwinsize(33, 101)
    child.expect("# ")
    child.sendline("sh -c 'tty; echo be''gun; exec sleep 60'")
    child.expect("/dev/ttyS.*begun\r\n")
    child.sendintr()
    child.expect("# ")
    child.sendline("echo status $?")
    child.expect("status 130")
    child.sendline("exit 6")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 6

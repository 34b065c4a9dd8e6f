# SPDX-License-Identifier: GPL-2.0
"""Check that a signal ends every wait in the module, and that nothing is left behind."""

import signal
from collections.abc import Iterator

import pytest

from harness.guests.guest import MODEL_PATH, MODULE_PATH, Guest, Result
from harness.host import patience
from harness.host.architectures import ARCHITECTURES
from tests.support.lab import (
    CONTROL,
    LOGITS,
    OPTIONS,
    PROMPT,
    loaded,
    new_lines,
    stats,
)

SIGNALS = [signal.SIGINT, signal.SIGKILL]
QUICK = 3
"""Maximum seconds between a signal and the end of the process."""

# An emulator runs SmolLM2 slowly enough to be interrupted.
pytestmark = [
    pytest.mark.debug_kernel("x86_64/kasan", "aarch64/kasan", "kcsan"),
    pytest.mark.guests("x86_64"),
    pytest.mark.parametrize("arch", sorted(ARCHITECTURES), indirect=True),
    pytest.mark.parametrize("kind", SIGNALS, ids=lambda kind: kind.name),
]

GROUP = "/tmp/cgroup"
SLOW = f"{GROUP}/slow"
JOIN = f"echo 0 >{SLOW}/cgroup.procs"
HOLD = f"echo 1000 1000000 >{SLOW}/cpu.max"
"""Command that limits the group to a thousandth of a processor; it keeps what it holds."""
RAW = f"printf 'template none\\nmax_tokens 200\\nspeculate 0\\n' >{OPTIONS}"


@pytest.fixture
def slow(lab: Guest) -> Iterator[Guest]:
    """Yield `lab` with a group of processes that can be slowed down at any point."""
    lab.check(
        f"mkdir -p {GROUP} && mount -t cgroup2 none {GROUP} &&"
        f" echo +cpu >{GROUP}/cgroup.subtree_control && mkdir {SLOW}"
    )
    yield lab
    lab.check(f"rmdir {SLOW}; umount {GROUP}")


def hold_readers(n: int) -> str:
    """Return a command that slows the group down once `n` of its processes read an answer."""
    readers = f"sed 's|.*|/proc/&/comm|' {SLOW}/cgroup.procs | xargs cat | grep -cx cat"
    return f"until [ $({readers}) = {n} ]; do sleep 0.1; done 2>/dev/null; sleep 1; {HOLD}"


def let_go(guest: Guest) -> None:
    """Kill the processes of the group."""
    guest.check(
        f"echo max >{SLOW}/cpu.max; kill -KILL $(cat {SLOW}/cgroup.procs);"
        f" while grep -q . {SLOW}/cgroup.procs; do sleep 0.1; done"
    )


def signalled(guest: Guest, command: str, kind: signal.Signals, when: str) -> Result:
    """Run a command, send it a signal once `when` succeeds, and check that it ends soon.

    In `when`, `$pid` is the command's process. The command runs in the foreground, because a
    shell's background jobs ignore SIGINT. Name busybox commands by path: the shell then starts
    another program, which does not catch the signal as the shell does.
    """
    done = guest.run(
        "rm -f /tmp/pid /tmp/sent\n"
        "(while ! [ -s /tmp/pid ]; do sleep 0.05; done; read -r pid </tmp/pid\n"
        f"until {when} || ! kill -0 $pid; do sleep 0.05; done\n"
        "! kill -0 $pid || cut -d. -f1 /proc/uptime >/tmp/sent\n"
        f"kill -{kind} $pid) >/dev/null 2>&1 &\n"
        f"sh -c 'echo $$ >/tmp/pid; {command}'\n"
        "code=$?; cut -d. -f1 /proc/uptime >/tmp/obeyed; exit $code",
        timeout=120,
    )
    assert done.exit_code == 128 + kind, done
    sent, obeyed = guest.check("cat /tmp/sent /tmp/obeyed").split()
    assert int(obeyed) - int(sent) <= patience.scaled(QUICK * guest.kernel.slowness)
    return done


def waits_in(*functions: str) -> str:
    """Return a condition: the innermost function in which $pid waits is one of `functions`."""
    return f"head -n 1 /proc/$pid/stack | grep -qE '] ({'|'.join(functions)})[.+]'"


def assert_only_the_model(guest: Guest) -> None:
    """Check that no conversation and no memory of one is left."""
    now = stats(guest)
    assert now["conversations"] == "0"
    assert now["memory_bytes"] == now["model_bytes"]


READING = "awk '/llamux/ && $2 > 5e7 {found = 1} END {exit !found}' /proc/vmallocinfo"
"""Condition: SmolLM2 has its memory and is being read, hashed or laid out."""


@pytest.mark.parametrize("seconds", [0, 0.5])
def test_insmod(lab: Guest, kind: signal.Signals, seconds: float) -> None:
    load = f"exec /bin/insmod {MODULE_PATH} model={MODEL_PATH} selftest=0"
    with new_lines(lab) as lines:
        signalled(lab, load, kind, f"{READING} && sleep {seconds}")
    assert lines == [f"{MODEL_PATH} was not loaded (error -4)"]
    assert lab.run("grep -q ^llamux /proc/modules").exit_code
    assert "llamux" not in lab.check("cat /proc/vmallocinfo")
    with loaded(lab):
        pass


@pytest.mark.parametrize("seconds", [0, 0.5])
def test_adding_a_model(lab: Guest, kind: signal.Signals, seconds: float) -> None:
    with loaded(lab):
        lab.check(f"echo load {MODEL_PATH} more >/tmp/command")
        with new_lines(lab) as lines:
            load = f"exec /bin/dd if=/tmp/command of={CONTROL} 2>/dev/null"
            signalled(lab, load, kind, f"{READING} && sleep {seconds}")
        assert lines == [f"{MODEL_PATH} was not loaded (error -4)"]
        assert lab.check("cut -f1,2 /proc/llamux/models") == "tiny\tdefault\n"
        assert_only_the_model(lab)


def test_waiting_for_a_turn(slow: Guest, kind: signal.Signals) -> None:
    """Check one reader more than there are slots; the readers that have slots are slowed down."""
    asks = f"exec 3<>{PROMPT}; echo A >&3"
    with loaded(slow, MODEL_PATH, "threads=1 n_ctx=256"):
        slow.check(
            f"{RAW}; for i in $(seq 10); do"
            f" ({JOIN}; {asks}; dd bs=1 count=1 <&3; exec cat <&3) >/dev/null 2>&1 &\n"
            f"done; {hold_readers(10)}",
            timeout=120,
        )
        signalled(slow, f"{asks}; exec cat <&3", kind, waits_in("llamux_slot_acquire"))
        let_go(slow)
        slow.check(f"echo A >{PROMPT}; head -c 1 {PROMPT}")


def test_waiting_for_who_computes(slow: Guest, kind: signal.Signals) -> None:
    """Check the second reader of an answer."""
    with loaded(slow, MODEL_PATH, "threads=1 n_ctx=256"):
        slow.check(
            f"{RAW}; echo A >{PROMPT}; ({JOIN}; exec cat {PROMPT}) >/dev/null 2>&1 &\n"
            f"{hold_readers(1)}"
        )
        place = waits_in("acquire", "llamux_conversation_advance")
        signalled(slow, f"exec cat {PROMPT}", kind, place)
        let_go(slow)
        slow.check(f"head -c 1 {PROMPT}")


def test_waiting_for_logits(slow: Guest, kind: signal.Signals) -> None:
    """Check the second reader of an evaluation."""
    with loaded(slow, MODEL_PATH, "threads=1 n_ctx=256"):
        both_read = (
            f"exec 3<>{LOGITS}; echo batch 8 $(seq 200) >&3; ({JOIN}; exec cat <&3 >/dev/null) & "
            f"{hold_readers(1)}; exec cat <&3 >/dev/null"
        )
        slow.put_file("/tmp/both_read", both_read.encode())
        signalled(slow, ". /tmp/both_read", kind, waits_in("llamux_evaluation_read"))
        let_go(slow)
        assert_only_the_model(slow)


@pytest.mark.guests("x86_64", "aarch64")
def test_computing_logits(lab: Guest, kind: signal.Signals) -> None:
    """Check that a signal ends a pass of 64 tokens."""
    with loaded(lab, MODEL_PATH, "n_ctx=256"):
        evaluate = f"exec 3<>{LOGITS}; echo batch 64 $(seq 200) >&3; exec cat <&3 >/dev/null"
        signalled(lab, evaluate, kind, "sleep 0.5")
        assert_only_the_model(lab)


@pytest.mark.guests("x86_64", "aarch64")
def test_polling(lab: Guest, kind: signal.Signals) -> None:
    """Check that the producer thread ends with the poller that waits for it."""
    with loaded(lab, MODEL_PATH):
        lab.check(f"chmod +x /readiness; {RAW}")
        place = "grep -q ^llamux/answer /proc/[0-9]*/comm && sleep 0.5"
        signalled(lab, "exec /readiness poll hello", kind, place)
        assert lab.run("grep -q ^llamux/answer /proc/[0-9]*/comm").exit_code
        assert stats(lab)["conversations"] == "1"

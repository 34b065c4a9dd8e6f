# SPDX-License-Identifier: GPL-2.0
"""Worker threads in a guest with four processors: the same integers, for nobody but the caller."""

import time
from collections.abc import Iterator

import pytest

from harness.guests.errors import GuestError
from harness.guests.guest import MODEL_PATH, Guest
from harness.guests.pool import GuestPool
from harness.vectors import goldens
from tests.support import lab as guest_lab
from tests.support.lab import LOGITS, PROMPT, SMALL, ask, helpers, insmod, loaded, stats, used_ns

pytestmark = [
    pytest.mark.debug_kernel("x86_64/kasan", "aarch64/kasan", "kcsan"),
    pytest.mark.judged_by("kasan", "kcsan"),
]

GOLDENS = {golden.name: golden for golden in goldens.load()}
TEXT = "A kernel is"
TOKENS = 128
"""Length of an answer that lasts for some seconds."""
MODEL = "/golden/tiny-tied-Q8_0.gguf"
FROZEN = "remaining freezable tasks completed"  # in the log, of threads of the kernel
SUSPEND = """
if [ -e /sys/power/pm_test ]
then echo freezer >/sys/power/pm_test
else echo 0 >/sys/class/rtc/rtc0/wakealarm; echo +8 >/sys/class/rtc/rtc0/wakealarm
fi
echo mem >/sys/power/state || exit
[ ! -e /sys/power/pm_test ] || echo none >/sys/power/pm_test
"""
"""Until a clock wakes the machine; a kernel that can stop at freezing does that, for 5 seconds."""


@pytest.fixture(params=["x86_64-6.1", "aarch64-6.12"])
def smp(
    request: pytest.FixtureRequest, guest_pool: GuestPool, kernel: str | None
) -> Iterator[Guest]:
    """A guest with four processors, and a kernel log that stays clean."""
    arch, series = request.param.split("-")
    kernel = kernel or series
    guest = guest_pool.get(arch, kernel, smp=4, **guest_lab.options(arch, kernel))
    failed = request.session.testsfailed
    yield guest
    if request.session.testsfailed > failed or guest.broken or guest.busy:
        guest_pool.discard(guest)
        return
    try:
        guest.assert_clean_log()
    except GuestError:
        guest_pool.discard(guest)
        raise


def busy_model(guest: Guest) -> str:
    """Return a model over whose answers the guest takes seconds."""
    return SMALL if guest.acceleration.name == "tcg" else MODEL_PATH


def sha256(guest: Guest, golden: goldens.Golden, batch: int) -> str:
    """Return the hash of a golden file's logits."""
    words = " ".join(map(str, golden.tokens))
    command = f"exec 3<>{LOGITS}; echo batch {batch} {words} >&3 && sha256sum <&3"
    return guest.check(command, timeout=300).split()[0]


def alone(guest: Guest, command: str) -> None:
    """Run a command with one processor: others, emulated, trip over code that it has patched."""
    switch = "for i in 1 2 3; do echo {} >/sys/devices/system/cpu/cpu$i/online; done\n"
    guest.check(f"{switch.format(0)}{command}\ns=$?\n{switch.format(1)}exit $s")


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_golden(smp: Guest, threads: int) -> None:
    for name, batch in (("tiny-Q4_0", 1), ("tiny-256-Q4_K", 13), ("tiny-odd-F16", 64)):
        golden = GOLDENS[name]
        with loaded(smp, guest_lab.golden_path(golden), f"threads={threads}"):
            assert len(helpers(smp)) == threads - 1
            assert sha256(smp, golden, batch) == golden.sha256, (name, batch)
    assert helpers(smp) == []


def test_all_processors_are_the_default(smp: Guest) -> None:
    golden = GOLDENS["smollm2-Q4_1"]
    with loaded(smp, MODEL_PATH):
        pids = helpers(smp)
        assert len(pids) == 3
        assert "threads         4\n" in smp.check("cat /proc/llamux/status")
        assert stats(smp)["threads"] == "4"
        assert sha256(smp, golden, 13) == golden.sha256
        assert all(used_ns(smp, [pid]) > 20_000_000 for pid in pids)


def test_more_than_processors(smp: Guest) -> None:
    with loaded(smp, MODEL, "threads=64"):
        assert stats(smp)["threads"] == "4"


def test_idle_helpers_use_no_time(smp: Guest) -> None:
    with loaded(smp, MODEL):
        ask(smp, TEXT, 60)
        time.sleep(0.2)
        pids = helpers(smp)
        before = used_ns(smp, pids)
        time.sleep(2)
        assert used_ns(smp, pids) == before


def test_processors_come_and_go(smp: Guest) -> None:
    with loaded(smp, busy_model(smp), "threads=1"):
        alone = ask(smp, TEXT, TOKENS)
    with loaded(smp, busy_model(smp)):
        done = smp.run(
            f"sh /ask '{TEXT}' {TOKENS} >/tmp/answer & reader=$!\n"
            "rounds=0\n"
            "while kill -0 $reader 2>/dev/null; do\n"
            "  for i in 1 2 3; do echo 0 >/sys/devices/system/cpu/cpu$i/online; done\n"
            "  sleep 0.3\n"
            "  for i in 3 2 1; do echo 1 >/sys/devices/system/cpu/cpu$i/online; done\n"
            "  sleep 0.3; rounds=$((rounds + 1))\n"
            "done\n"
            "wait $reader && echo $rounds && cat /sys/devices/system/cpu/online",
            timeout=120,
        )
        assert done.exit_code == 0, done.errors
        rounds, online = done.text.split()
        assert int(rounds) >= 2
        assert online == "0-3"
        assert smp.run("cat /tmp/answer").output == alone != b""
        assert ask(smp, TEXT, TOKENS) == alone


def test_callers_come_and_go_with_processors(smp: Guest) -> None:
    """The helper goes from one caller's processors to the other's, of which some are going."""
    with loaded(smp, MODEL, "threads=4"):
        whole = ask(smp, TEXT, 64)
        done = smp.run(
            "rm -f /tmp/enough; callers=\n"
            "for cpus in 7 e; do\n"
            "  until [ -e /tmp/enough ]; do\n"
            f"    exec 3<>{PROMPT}; echo '{TEXT}' >&3; taskset $cpus cat <&3 || exit\n"
            "  done >/tmp/answers.$cpus &\n"
            '  callers="$callers $!"\n'
            "done\n"
            "for i in $(seq 6); do until [ -e /tmp/enough ]; do :; done & done\n"
            "for round in $(seq 15); do\n"
            "  for i in 1 2; do echo 0 >/sys/devices/system/cpu/cpu$i/online; done\n"
            "  for i in 1 2; do echo 1 >/sys/devices/system/cpu/cpu$i/online; done\n"
            "done\n"
            ": >/tmp/enough; for i in $callers; do wait $i || exit; done",
            timeout=120,
        )
        assert done.exit_code == 0, done.errors
        for cpus in ("7", "e"):
            answers = smp.run(f"cat /tmp/answers.{cpus}").output
            assert answers == whole * (len(answers) // len(whole)) != b""


def test_a_suspend_while_answering(smp: Guest) -> None:
    """Hibernation without a swap device: all of it but the end, and back."""
    with loaded(smp, busy_model(smp)):
        whole = ask(smp, TEXT, TOKENS)
        done = smp.run(
            f"sh /ask '{TEXT}' {TOKENS} >/tmp/answer & reader=$!\n"
            f"chmod +x /readiness; /readiness poll '{TEXT}' >/tmp/polled & poller=$!\n"
            "sleep 0.3\n"
            "echo shutdown >/sys/power/disk; echo disk >/sys/power/state\n"
            "kill -0 $reader && kill -0 $poller && wait $reader && wait $poller",
            timeout=120,
        )
        assert done.exit_code == 0, done.errors
        assert smp.run("cat /tmp/answer").output == whole
        assert smp.run("cat /tmp/polled").output == whole
        log = smp.run("dmesg").output
        assert f"Freezing {FROZEN}".encode() in log
        assert b"PM: hibernation: hibernation exit" in log


def test_a_suspend_within_a_pass(smp: Guest) -> None:
    """A thread that answers a poller freezes in an eighth of the time that its pass would take."""
    text = "A kernel is a lock. " * 20

    def a_pass() -> float:
        began = time.monotonic()
        ask(smp, text, 1)
        return time.monotonic() - began

    with loaded(smp, busy_model(smp), "threads=1"):
        a_pass()  # also evaluates the system prompt, which is kept
        passes = [a_pass()]
        whole = ask(smp, text, 16)
        before = stats(smp)["tokens_generated"]
        done = smp.run(
            f"chmod +x /readiness; /readiness poll '{text}' >/tmp/polled & poller=$!\n"
            "until grep -qs llamux/answer /proc/[0-9]*/comm; do sleep 0.1; done\n"
            f"grep ^tokens_generated /proc/llamux/stats\n{SUSPEND}"
            f"dmesg | sed -n 's/.*{FROZEN} (elapsed \\([0-9.]*\\).*/\\1/p' | tail -n 1\n"
            "wait $poller",
            timeout=120,
        )
        assert done.exit_code == 0, done.errors
        generated, elapsed = done.text.splitlines()
        assert generated == f"tokens_generated {before}"
        assert smp.run("cat /tmp/polled").output == whole != b""
        passes.append(a_pass())  # a machine that others use may be slower by now
        assert float(elapsed) < max(passes) / 8, passes


def test_a_hibernation_finds_threads_at_rest(smp: Guest) -> None:
    """Before its image's memory is taken, which is before the kernel's threads freeze."""
    with loaded(smp, MODEL):
        whole = ask(smp, TEXT)
        before = stats(smp)
        done = smp.run(
            "chmod +x /readiness; exec 4</dev/snapshot\n"
            f"/readiness poll '{TEXT}' >/tmp/polled 4<&- & poller=$!\n"
            "until grep -qs llamux/answer /proc/[0-9]*/comm || [ -s /tmp/polled ]; do\n"
            "  sleep 0.1\n"
            "done\n"
            f"/readiness leave '{TEXT}' 4<&-\n"
            "grep -E '^tokens_(prompt|generated)' /proc/llamux/stats; wc -c </tmp/polled\n"
            "exec 4<&-; wait $poller",
            timeout=60,
        )
        assert done.exit_code == 0, done.errors
        counts = before["tokens_prompt"], before["tokens_generated"]
        assert done.text.split() == [
            "ok",
            "tokens_prompt",
            counts[0],
            "tokens_generated",
            counts[1],
            "0",
        ]
        assert smp.run("cat /tmp/polled").output == whole != b""


def test_a_thread_that_polls_lends_nothing(smp: Guest) -> None:
    """The kernel polls for aio in a thread of its own, whose priority is not the caller's."""
    text = "A kernel is a lock. " * 20
    with loaded(smp, busy_model(smp)):
        whole = ask(smp, text, 16)
        done = smp.run(
            "chmod +x /readiness\n"
            f"(renice -n 19 $(cut -d ' ' -f 4 /proc/self/stat); exec /readiness aio '{text}')"
            " >/tmp/polled & poller=$!\n"
            "until thread=$(grep -ls llamux/answer /proc/[0-9]*/comm) || ! kill -0 $poller\n"
            "do :; done\n"
            "while cut -d ' ' -f 15,19 ${thread%comm}stat; do sleep 0.2; done 2>/dev/null\n"
            "wait $poller",
            timeout=120,
        )
        assert done.exit_code == 0, done.errors
        seen = [tuple(map(int, line.split())) for line in done.text.splitlines()]
        nice = {nice for ticks, nice in seen if ticks > 10}  # before, it is just being made
        assert nice == {19}, seen
        assert smp.run("cat /tmp/polled").output == whole != b""


def test_a_page_that_is_a_long_time_coming(smp: Guest) -> None:
    """Check that a slow buffer holds up no other user."""
    with loaded(smp, MODEL):
        whole = ask(smp, TEXT)
        done = smp.run(f"chmod +x /readiness; /readiness slow '{TEXT}'", timeout=60)
        assert done.exit_code == 0, done.errors
        assert done.output == whole != b""


def test_rmmod_while_answering(smp: Guest) -> None:
    assert insmod(smp, busy_model(smp)).exit_code == 0
    whole = ask(smp, TEXT, TOKENS)
    done = smp.run(
        f"sh /ask '{TEXT}' {TOKENS} >/tmp/answer & reader=$!\n"
        "refused=0\n"
        "sleep 0.3\n"
        "while kill -0 $reader 2>/dev/null; do\n"
        "  rmmod llamux 2>/dev/null || refused=$((refused + 1)); sleep 0.05\n"
        "done\n"
        "wait $reader && echo $refused",
        timeout=120,
    )
    assert done.exit_code == 0, done.errors
    assert int(done.text) >= 2
    assert smp.run("cat /tmp/answer").output == whole
    # The last attempt may have come right after the reader's end.
    smp.check("[ ! -e /proc/llamux ] || rmmod llamux", timeout=20)
    assert helpers(smp) == []


def test_four_conversations_at_once(smp: Guest) -> None:
    golden = GOLDENS["tiny-Q4_0"]
    words = " ".join(map(str, golden.tokens))
    with loaded(smp, guest_lab.golden_path(golden)):
        alone = ask(smp, TEXT, 60)
        smp.check(
            "".join(
                f"setsid sh /ask '{TEXT}' 60 >/tmp/a{i} &\n"
                f"(exec 3<>{LOGITS}; echo batch 7 {words} >&3 && sha256sum <&3 >/tmp/s{i}) &\n"
                for i in range(4)
            )
            + "wait",
            timeout=120,
        )
        for i in range(4):
            assert smp.run(f"cat /tmp/a{i}").output == alone != b""
            assert smp.check(f"cat /tmp/s{i}").split()[0] == golden.sha256


def test_signals_with_helpers(smp: Guest) -> None:
    with loaded(smp, busy_model(smp)):
        whole = ask(smp, TEXT, TOKENS)
        smp.check(f"printf '{TEXT}' >{PROMPT}")  # with the options of before
        for seconds in (0.1, 0.3, 0.5):
            smp.run(f"timeout -s INT {seconds} cat {PROMPT} >/dev/null")
        assert int(stats(smp)["interrupted"]) >= 1
        assert smp.run(f"cat {PROMPT}", timeout=60).output == whole


def test_helpers_are_as_nice_as_their_caller(smp: Guest) -> None:
    with loaded(smp, MODEL):
        pids = helpers(smp)

        def nice() -> set[int]:
            return {int(smp.check(f"cat /proc/{pid}/stat").split()[18]) for pid in pids}

        smp.check(f"sh -c 'renice -n 10 $$ && exec sh /ask \"{TEXT}\"'")
        assert nice() == {10}
        ask(smp, TEXT)
        assert nice() == {0}


def test_helpers_stay_on_their_callers_processors(smp: Guest) -> None:
    with loaded(smp, busy_model(smp)):
        pids = helpers(smp)

        def allowed(pid: int) -> str:
            status = smp.check(f"cat /proc/{pid}/status")
            return status.split("Cpus_allowed_list:\t")[1].split("\n")[0]

        first, others = used_ns(smp, pids[:1]), used_ns(smp, pids[1:])
        ask(smp, TEXT, 2, session="taskset 4")
        assert used_ns(smp, pids[:1]) == first  # one processor: the caller alone
        ask(smp, TEXT, 2, session="taskset 6")
        assert used_ns(smp, pids[:1]) > first
        assert used_ns(smp, pids[1:]) == others
        assert allowed(pids[0]) == "1-2"
        ask(smp, TEXT, 2)
        assert [allowed(pid) for pid in pids] == ["0-3"] * 3
        assert used_ns(smp, pids[1:]) > others


def test_a_limited_caller_limits_its_helpers(smp: Guest) -> None:
    with loaded(smp, busy_model(smp)):
        pids = helpers(smp)
        alone(
            smp,
            "mkdir -p /tmp/cgroup && mount -t cgroup2 none /tmp/cgroup && cd /tmp/cgroup && "
            "echo +cpu >cgroup.subtree_control && mkdir -p slow && echo 10000 100000 >slow/cpu.max",
        )
        try:
            start, before = time.monotonic(), used_ns(smp, pids)
            smp.run(
                "sh -c 'echo $$ >/tmp/cgroup/slow/cgroup.procs; "
                f'printf "{TEXT}" >{PROMPT}; exec timeout -s INT 3 cat {PROMPT}\' >/dev/null',
                timeout=60,
            )
            used, passed = used_ns(smp, pids) - before, time.monotonic() - start
            text = smp.check("grep usage_usec /tmp/cgroup/slow/cpu.stat")
            caller = int(text.split()[1]) * 1000
        finally:
            alone(smp, "rmdir /tmp/cgroup/slow; umount /tmp/cgroup")
    assert used > 0
    # At most as much as the caller, each; loops are long in an emulator, so that one more counts.
    assert used < 3 * 3 * caller
    assert used < passed * 1e9  # and of three processors

# SPDX-License-Identifier: GPL-2.0
"""Check the in-kernel API of llamux.ko with the module of kmod/samples, in a guest."""

import errno
import time
from pathlib import Path

import pytest

from harness.core.figures import Score
from harness.core.options import Options
from harness.core.session import Model, Session
from harness.guests.guest import Guest
from harness.guests.pool import GuestPool
from harness.host import patience
from tests.support import lab as guest_lab
from tests.support.lab import TINY, loaded, stats
from tests.support.sample import asked, bring_sample, parse, sample

pytestmark = [
    pytest.mark.debug_kernel("kasan", "kcsan"),
    pytest.mark.guests("uml", "aarch64"),
]

TINY_N_CTX = 256
QUESTION = "What is a kernel module?"
PROMPT = f"""prompt='"{QUESTION}"'"""
"""Module parameter with spaces, quoted for the kernel."""
LONG = f"{PROMPT} max_tokens=1000"


@pytest.fixture
def asker(lab: Guest, arch: str, kernel: str | None) -> Guest:
    """Yield a lab with the sample module."""
    return bring_sample(lab, arch, kernel)


def test_an_answer_is_that_of_the_prompt_file(asker: Guest) -> None:
    with loaded(asker):
        asker.check("echo max_tokens 40 >/proc/llamux/options")
        asker.check(f"echo '{QUESTION}' >/proc/llamux/prompt")
        want = asker.run("cat /proc/llamux/prompt").output
        before = stats(asker)
        found = asked(asker, f"{PROMPT} max_tokens=40")
        after = stats(asker)
        part = asked(asker, f"{PROMPT} max_tokens=40 max_pieces=3")
        short = {n: asked(asker, f"{PROMPT} max_tokens=40 size={n}") for n in range(9)}
    assert (found.result, found.answer) == (0, want)
    assert 3 < found.pieces <= 41
    assert int(after["answers"]) == int(before["answers"]) + 1
    assert int(after["tokens_generated"]) > int(before["tokens_generated"])
    assert after["conversations"] == before["conversations"]
    assert (part.result, part.pieces) == (-errno.ECANCELED, 3)
    assert b"" != part.answer != want
    assert want.startswith(part.answer)
    assert part.answer.decode()
    assert (short[0].result, short[0].answer) == (0, b"")
    for n in range(1, 9):
        whole = want[: n - 1].decode(errors="ignore").encode()
        assert (short[n].result, short[n].answer) == (-errno.ENOSPC, whole)


@pytest.mark.judged_by("kcsan")
def test_a_kernel_thread_may_ask(asker: Guest) -> None:
    arguments = f"{PROMPT} max_tokens=40"
    with loaded(asker):
        want = asked(asker, arguments)
        found = asked(asker, f"{arguments} worker=1")
        assert asked(asker, f"{LONG} worker=1 timeout_ms=1").result == -errno.ETIME
        assert stats(asker)["conversations"] == "0"
    assert found == want
    assert found.answer


def test_a_signal_ends_a_request(asker: Guest) -> None:
    with loaded(asker):
        # A shell's background jobs ignore SIGINT.
        asker.run(f"insmod /sample.ko {LONG} pause_ms=150 & sleep 3; kill $!; wait", timeout=60)
        found = parse(asker.run("cat /proc/llamux_sample").output)
        asker.check("rmmod llamux_sample")
        assert stats(asker)["conversations"] == "0"
    assert found.result == -errno.EINTR
    assert found.answer


def scores(texts: list[str]) -> tuple[Score, ...]:
    """Return the scores that the library gives."""
    path = Path(str(guest_lab.files()[TINY]))
    with Model(path) as model, Session(model, TINY_N_CTX) as session:
        encoded = [text.encode() for text in texts]
        return tuple(session.score(QUESTION.encode(), encoded, Options()))


def test_scores_are_those_of_the_library(asker: Guest) -> None:
    texts = ["a", "b c", "the kernel is a program"]
    want = scores(texts)
    with loaded(asker):
        found = asked(asker, f'''{PROMPT} candidates='"{",".join(texts)}"' ''')
        evaluated = int(stats(asker)["tokens_prompt"])
    assert (found.result, found.scores) == (0, want)
    assert evaluated > sum(score.tokens for score in want)


def test_deadline_and_cancel_leave_what_there_is(asker: Guest) -> None:
    """Check the partial answer of a request that would take half a minute with a slow reader."""
    path = Path(str(guest_lab.files()[TINY]))
    with Model(path) as model, Session(model, TINY_N_CTX) as session:
        whole = b"".join(session.answer(QUESTION.encode(), Options(max_tokens=0)))
    with loaded(asker):
        for argument, result in (("timeout_ms", -errno.ETIME), ("cancel_ms", -errno.ECANCELED)):
            begun, clock = time.monotonic(), patience.Clock()
            found = asked(asker, f"{LONG} pause_ms=150 {argument}=4000")
            assert time.monotonic() - begun >= 4
            assert clock.seconds() < 20
            assert found.result == result
            assert whole.startswith(found.answer)
            assert b"" != found.answer != whole
        assert stats(asker)["conversations"] == "0"


def test_each_failure_has_its_errno(asker: Guest) -> None:
    with loaded(asker, arguments="max_conversations=1 n_ctx=64"):
        scored, long = "candidates=a,b", "abcdefghij" * 40
        many = ",".join(["abcdefghij" * 3] * 8)  # takes longer than a millisecond
        for arguments, code in (
            ("model=nobody", errno.ENOENT),
            (f"model=nobody {scored}", errno.ENOENT),
            ("prompt=", errno.ENODATA),
            (f"prompt= {scored}", errno.ENODATA),
            ("max_tokens=0", errno.EINVAL),
            (f"prompt={long}", errno.EMSGSIZE),
            (f"prompt={long} {scored}", errno.EMSGSIZE),
            (f"prompt=a candidates={long}", errno.EMSGSIZE),
            (f"timeout_ms=1 candidates={many}", errno.ETIME),
            (r"prompt=$(printf '\377')", errno.EILSEQ),
            (r"prompt=$(printf 'a\303')", errno.EILSEQ),
            (r"prompt=$(printf 'a\303') candidates=b", errno.EILSEQ),
            (r"candidates=$(printf 'a\303')", errno.EILSEQ),
        ):
            assert asked(asker, arguments).result == -code, arguments
        asker.check(
            "exec 3<>/proc/llamux/prompt; insmod /sample.ko && "
            "grep -qx 'result -87' /proc/llamux_sample && rmmod llamux_sample"
        )
        assert stats(asker)["conversations"] == "0"


def test_whoever_may_ask_keeps_the_module(asker: Guest) -> None:
    with loaded(asker), sample(asker, "prompt=a max_tokens=2"):
        done = asker.run("rmmod llamux")
        assert done.exit_code != 0
        assert asker.check("cat /sys/module/llamux/refcnt").strip() == "1"


@pytest.mark.guests("x86_64")
@pytest.mark.parametrize("arch", ["x86_64"])
def test_kernel_6_12(guest_pool: GuestPool, arch: str) -> None:
    guest = guest_pool.get(arch, "6.12", **guest_lab.options(arch, "6.12"))
    bring_sample(guest, arch, "6.12")
    with loaded(guest):
        guest.check("echo max_tokens 40 >/proc/llamux/options")
        guest.check(f"echo '{QUESTION}' >/proc/llamux/prompt")
        want = guest.run("cat /proc/llamux/prompt").output
        found = asked(guest, f"{PROMPT} max_tokens=40")
        assert (found.result, found.answer) == (0, want)
        assert asked(guest, f"{PROMPT} candidates=a,b").scores == scores(["a", "b"])
        assert asked(guest, f"{LONG} max_pieces=2").result == -errno.ECANCELED
        assert asked(guest, f"{LONG} timeout_ms=1").result == -errno.ETIME
        with sample(guest, "prompt=a max_tokens=2"):
            assert guest.run("rmmod llamux").exit_code
    guest.assert_clean_log()
    guest_pool.discard(guest)

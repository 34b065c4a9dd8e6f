# SPDX-License-Identifier: GPL-2.0
"""Check poll, select, epoll, io_uring and O_NONBLOCK: a producer thread gives the same answers."""

import pytest

from harness.guests.guest import Guest
from tests.support.lab import OPTIONS, PROMPT, ask, loaded, stats

pytestmark = [
    pytest.mark.debug_kernel("kasan", "kcsan"),
    pytest.mark.guests("uml", "x86_64"),
    pytest.mark.parametrize("arch", ["x86_64", "aarch64", "uml"], indirect=True),
]

TEXT = "Once upon a time"
RAW = f"printf 'template none\\nmax_tokens 24\\n' >{OPTIONS}"


def readiness(guest: Guest, way: str) -> bytes:
    """Return the program's output."""
    done = guest.run(f"{RAW}; chmod +x /readiness; /readiness {way} '{TEXT}'", timeout=120)
    assert done.exit_code == 0, (way, done.errors)
    return done.output


def threads(guest: Guest) -> int:
    """Return the number of producer threads."""
    return int(guest.check("grep -l ^llamux/answer /proc/[0-9]*/comm 2>/dev/null | wc -l"))


def test_answers_are_the_same(lab: Guest) -> None:
    with loaded(lab):
        answer = ask(lab, TEXT)
        assert len(answer) > 20
        for way in ("poll", "select", "epoll", "uring", "mixed"):
            assert readiness(lab, way) == answer, way
        assert threads(lab) == 0


def test_readiness(lab: Guest) -> None:
    with loaded(lab):
        for way in ("owed", "leave", "errors"):
            assert readiness(lab, way) == b"ok\n", way
        assert stats(lab)["conversations"] == "1"


def test_a_polled_answer_is_what_a_reader_finds(lab: Guest) -> None:
    """Check that a reader continues a thread's answer, and that its death loses nothing."""
    with loaded(lab):
        answer = ask(lab, TEXT)
        lab.check(f"{RAW}; printf '{TEXT}' >{PROMPT}")
        # A shell's `read -t` polls first.
        lab.run(f"read -t 0 x <{PROMPT}; timeout -s KILL 0.05 cat {PROMPT} >/dev/null")
        assert lab.run(f"cat {PROMPT}").output == answer

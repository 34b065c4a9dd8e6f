# SPDX-License-Identifier: GPL-2.0
"""Check that a conversation's content leaves the guest's memory when the conversation ends."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.core.options import Options
from harness.core.session import Model, Session
from harness.guests.guest import Guest
from tests.support import lab as guest_lab
from tests.support.lab import CHAT, LOGITS, OPTIONS, PROMPT, loaded

pytestmark = pytest.mark.debug_kernel("x86_64/kasan", "aarch64/kasan", "kcsan")

PAGE = 4096
LARGE = 256 << 20
HALVES = ("the gardener Quillfeather said", " that Zanzibar sleeps beneath it")
"""Halves of a text that only the module ever joins."""
CHATML = f"printf 'template chatml\\nmax_tokens 100\\n' >{OPTIONS}"


def memory(guest: Guest) -> Iterator[bytes]:
    """Yield the guest's memory from its host process, adjacent pages together."""
    process = Path("/proc", str(guest.pid))
    for line in (process / "maps").read_text().splitlines():
        places, rights, *_ = line.split(maxsplit=5)
        start, end = (int(place, 16) for place in places.split("-"))
        if end - start < LARGE:
            continue
        if rights == "rw-p":
            yield from private(process, start, end)
    for path in (process / "fd").iterdir():
        if path.is_file() and path.stat().st_size >= LARGE:
            yield from shared(path)


def private(process: Path, start: int, end: int) -> Iterator[bytes]:
    """Yield the present pages between two addresses of a process."""
    with (process / "mem").open("rb", 0) as mem, (process / "pagemap").open("rb", 0) as pagemap:
        pagemap.seek(start // PAGE * 8)
        flags = np.frombuffer(pagemap.read((end - start) // PAGE * 8), np.uint64)
        present = np.concatenate(([0], flags >> np.uint64(63), [0])).astype(np.int8)
        for first, last in np.flatnonzero(np.diff(present)).reshape(-1, 2).tolist():
            mem.seek(start + first * PAGE)
            yield mem.read((last - first) * PAGE)


def shared(path: Path) -> Iterator[bytes]:
    """Yield the data of a file that backs guest memory, without its holes."""
    with path.open("rb", 0) as file:
        end = 0
        while True:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            file.seek(start)
            yield file.read(end - start)


def found(guest: Guest, needles: dict[str, bytes]) -> dict[str, int]:
    """Return how often each needle occurs in the guest's memory."""
    counts = dict.fromkeys(needles, 0)
    for piece in memory(guest):
        for name, needle in needles.items():
            counts[name] += piece.count(needle)
    return counts


def needles_with(system: str | None = None) -> dict[str, bytes]:
    """Return needles: bytes of the prompt, of its tokens and of the answer."""
    path = guest_lab.files()[guest_lab.TINY]
    assert not isinstance(path, bytes)
    options = Options(max_tokens=100, chat=1, system=system)
    with Model(path) as model, Session(model, 256) as session:
        answer = b"".join(session.say("".join(HALVES).encode(), options))
        tokens = session.tokens()
    middle = len(tokens) - 100 - 30
    assert len(answer) > 64
    return {
        "prompt": (HALVES[0][-12:] + HALVES[1][:12]).encode(),
        "tokens": tokens[middle : middle + 12].tobytes(),
        "answer": answer[20:52],
    }


@pytest.fixture(scope="module")
def needles() -> dict[str, bytes]:
    """Return the needles of a conversation without a system prompt."""
    return needles_with()


QUICKLY = pytest.mark.guests("uml")

# Byte-by-byte reads keep the answer out of other programs' memory.
READ = "dd bs=1 count=60"
POLL = "i=0; while [ $((i += 1)) -le 60 ]; do read -t 60 -n 1 x <&3; done"
"""Shell loop that polls before each read, so that a producer thread computes the answer."""


def begin(guest: Guest, words: str, end: str = ":", session: str = "") -> None:
    """Start a shell that asks and then waits for finish()."""
    guest.check(
        "rm -f /tmp/asked; : >/tmp/hold;"
        f" {session} sh -c 'echo $$ >/tmp/pid; {words}; : >/tmp/asked;"
        f" while [ -e /tmp/hold ]; do sleep 0.1; done; {end}' >/dev/null 2>&1 &"
        " while ! [ -e /tmp/asked ]; do sleep 0.1; done",
        timeout=120,
    )


def finish(guest: Guest) -> None:
    """Let the shell end, and wait for that."""
    guest.check("rm /tmp/hold; while [ -e /proc/$(cat /tmp/pid) ]; do sleep 0.1; done")


@pytest.mark.parametrize("arch", ["x86_64", "uml"], indirect=True)
@pytest.mark.parametrize(
    ("path", "read", "end"),
    [
        (PROMPT, f"{READ} <&3", "exec 3>&-"),
        pytest.param(CHAT, f"{READ} <&3", "exec 3>&-", marks=QUICKLY),
        pytest.param(PROMPT, f"{READ} <&3", "kill -9 $$", marks=QUICKLY),
        pytest.param(PROMPT, POLL, "exec 3>&-", marks=QUICKLY),
        (CHAT, POLL, "kill -9 $$"),
    ],
    ids=["prompt", "chat", "killed", "polled", "polled and killed"],
)
def test_nothing_stays_behind(
    lab: Guest, needles: dict[str, bytes], path: str, read: str, end: str
) -> None:
    with loaded(lab):
        asks = f'exec 3<>{path}; printf %s "{HALVES[0]}" >&3; printf %s "{HALVES[1]}" >&3'
        lab.check(CHATML)
        begin(lab, f"{asks}; {read}", end)
        threads = lab.check("grep -l ^llamux/answer /proc/[0-9]*/comm 2>/dev/null | wc -l")
        assert int(threads) == (read == POLL)
        if read == POLL:  # the thread computes to the answer's end without waiting for the reader
            lab.check("until grep -qx 'answers 1' /proc/llamux/stats; do sleep 0.1; done")
        there = found(lab, needles)
        if (path, read) == (PROMPT, POLL):
            assert there.pop("tokens") == 0
        assert min(there.values()) >= 1
        finish(lab)
        assert found(lab, needles) == dict.fromkeys(needles, 0)


@pytest.mark.parametrize("arch", ["x86_64", "uml"], indirect=True)
def test_nothing_stays_of_a_session(lab: Guest) -> None:
    """Check a session's system prompt and the options that it read.

    The needles have line breaks and an order that no shell command contains.
    """
    system = "Mistress Quillfeather\nkeeps the\nkey of Zanzibar"
    needles = {
        **needles_with(system),
        "system": system.encode(),
        "options": b"template chatml\nsystem Mistress",
    }
    escaped = system.replace("\n", r"\n")
    options = f"template chatml\nmax_tokens 100\nsystem {escaped}\n"
    asks = "; ".join(
        f'{{ printf %s "{HALVES[0]}"; printf %s "{HALVES[1]}"; }} >{path}; {READ} <{path}'
        for path in (PROMPT, CHAT)
    )
    with loaded(lab):
        lab.check("cat >/tmp/options", stdin=options.encode())
        begin(
            lab,
            f"cat /tmp/options >{OPTIONS}; exec 4<{OPTIONS}; dd bs=1 count=300 <&4; {asks}",
            session="setsid",
        )
        assert min(found(lab, needles).values()) >= 1
        finish(lab)
        # The module checks for ended sessions every 30 seconds.
        lab.check(
            "n=0; until grep -qx 'conversations 0' /proc/llamux/stats; do"
            " [ $((n += 1)) -le 40 ] || exit 1; sleep 1; done"
        )
        assert found(lab, needles) == dict.fromkeys(needles, 0)


@pytest.mark.parametrize("arch", ["x86_64", "uml"], indirect=True)
def test_nothing_stays_of_an_evaluation(lab: Guest) -> None:
    path = guest_lab.files()[guest_lab.TINY]
    assert not isinstance(path, bytes)
    tokens = np.random.default_rng(23).integers(3, 200, 24, dtype=np.uint32)
    with Model(path) as model, Session(model, 256) as session:
        logits = np.empty((1, model.n_vocab), np.int32)
        session.forward(tokens, 0, logits)
    needles = {"tokens": tokens[4:16].tobytes(), "logits": logits[0, 40:60].tobytes()}
    with loaded(lab):
        ids = " ".join(map(str, tokens.tolist()))
        ask = f"exec 3<>{LOGITS}; echo batch 24 {ids} >&3; dd bs=4 count=1 <&3"
        begin(lab, ask, "exec 3>&-")
        assert min(found(lab, needles).values()) >= 1
        finish(lab)
        assert found(lab, needles) == dict.fromkeys(needles, 0)


@pytest.mark.parametrize("arch", ["uml"], indirect=True)
def test_the_next_prompt_takes_the_last_ones_place(lab: Guest, needles: dict[str, bytes]) -> None:
    with loaded(lab):
        lab.check(
            f'{CHATML}; {{ printf %s "{HALVES[0]}"; printf %s "{HALVES[1]}"; }} >{PROMPT};'
            f" dd bs=1 <{PROMPT} >/dev/null 2>&1"
        )
        there = found(lab, needles)
        assert there.pop("tokens") == 0  # the tokens are erased at the answer's end
        assert min(there.values()) >= 1
        lab.check(f"printf another >{PROMPT}")
        assert found(lab, needles) == dict.fromkeys(needles, 0)

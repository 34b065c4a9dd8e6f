# SPDX-License-Identifier: GPL-2.0
"""What a conversation held is nowhere in the guest's memory once it has ended."""

import os
from collections.abc import Iterator
from pathlib import Path

import guest_lab
import numpy as np
import pytest
from guest_lab import CHAT, OPTIONS, PROMPT, loaded

from harness.core import Model, Options, Session
from harness.guest import Guest

PAGE = 4096
LARGE = 256 << 20
HALVES = ("the gardener Quillfeather said", " that Zanzibar sleeps beneath it")
"""Only the module ever puts them together."""
CHATML = f"printf 'template chatml\\nmax_tokens 100\\n' >{OPTIONS}"


def memory(guest: Guest) -> Iterator[bytes]:
    """The memory of the guest, as its process on the host has it: pages side by side."""
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
    """What a process has at its addresses."""
    with (process / "mem").open("rb", 0) as mem, (process / "pagemap").open("rb", 0) as pagemap:
        pagemap.seek(start // PAGE * 8)
        flags = np.frombuffer(pagemap.read((end - start) // PAGE * 8), np.uint64)
        present = np.concatenate(([0], flags >> np.uint64(63), [0])).astype(np.int8)
        for first, last in np.flatnonzero(np.diff(present)).reshape(-1, 2).tolist():
            mem.seek(start + first * PAGE)
            yield mem.read((last - first) * PAGE)


def shared(path: Path) -> Iterator[bytes]:
    """What a file has that is memory."""
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
    """How often each is there."""
    counts = dict.fromkeys(needles, 0)
    for piece in memory(guest):
        for name, needle in needles.items():
            counts[name] += piece.count(needle)
    return counts


@pytest.fixture(scope="module")
def needles() -> dict[str, bytes]:
    """Of the prompt, of its tokens, of the answer."""
    path = guest_lab.files()[guest_lab.TINY]
    assert not isinstance(path, bytes)
    options = Options(max_tokens=100, chat=1)
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


@pytest.mark.parametrize("arch", ["x86_64", "uml"], indirect=True)
@pytest.mark.parametrize(
    ("path", "end"),
    [(PROMPT, "exec 3>&-"), (CHAT, "exec 3>&-"), (PROMPT, "kill -9 $$")],
    ids=["prompt", "chat", "killed"],
)
def test_nothing_stays_behind(lab: Guest, needles: dict[str, bytes], path: str, end: str) -> None:
    with loaded(lab):
        # The answer is read byte by byte, so that no program has more of it.
        lab.check(
            f"{CHATML}; rm -f /tmp/asked /tmp/ended; : >/tmp/hold; sh -c 'echo $$ >/tmp/pid;"
            f' exec 3<>{path}; printf %s "{HALVES[0]}" >&3; printf %s "{HALVES[1]}" >&3;'
            " dd bs=1 count=60 <&3 >/dev/null 2>&1; : >/tmp/asked;"
            f" while [ -e /tmp/hold ]; do sleep 0.1; done; {end}' >/dev/null 2>&1 &"
            " while ! [ -e /tmp/asked ]; do sleep 0.1; done",
            timeout=120,
        )
        assert min(found(lab, needles).values()) >= 1
        lab.check("rm /tmp/hold; while [ -e /proc/$(cat /tmp/pid) ]; do sleep 0.1; done")
        assert found(lab, needles) == dict.fromkeys(needles, 0)


@pytest.mark.parametrize("arch", ["uml"], indirect=True)
def test_the_next_prompt_takes_the_last_ones_place(lab: Guest, needles: dict[str, bytes]) -> None:
    with loaded(lab):
        lab.check(
            f'{CHATML}; {{ printf %s "{HALVES[0]}"; printf %s "{HALVES[1]}"; }} >{PROMPT};'
            f" dd bs=1 <{PROMPT} >/dev/null 2>&1"
        )
        there = found(lab, needles)
        assert there.pop("tokens") == 0  # they went with the answer's end
        assert min(there.values()) >= 1
        lab.check(f"printf another >{PROMPT}")
        assert found(lab, needles) == dict.fromkeys(needles, 0)

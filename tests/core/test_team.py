# SPDX-License-Identifier: GPL-2.0
"""Check teams of workers: every round of a loop runs exactly once."""

import hashlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import byref, c_void_p
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.declarations import Hook, Loop, Round, Yield
from harness.core.library import library, select_isa, usable_isas
from harness.core.session import MAX_THREADS, Model, Session
from harness.host import patience
from harness.host.errors import UsageError
from harness.host.paths import HOST_PROGRAMS
from harness.models.synthetic import make_model
from harness.native import sanitized
from harness.vectors import goldens

TOOLS = HOST_PROGRAMS


@contextmanager
def opened(n_workers: int) -> Iterator[c_void_p]:
    """Yield a team, and close it afterwards."""
    lib = library()
    team = c_void_p(lib.llamuxu_team_open(n_workers))
    assert team
    try:
        yield team
    finally:
        lib.llamuxu_team_close(team)


def run(
    team: c_void_p | None,
    n: int,
    work: Callable[[int, int], None],
    hook: Callable[[], int] | None = None,
) -> int:
    """Call llama_team_run() with rounds and a hook in Python; return its result."""
    errors: list[BaseException] = []

    def call(_: object, i: int, worker: int) -> None:
        try:
            work(i, worker)
        except BaseException as error:  # ctypes would drop the exception
            errors.append(error)

    loop = Loop(Round(call), None, n)
    stop = Yield(Hook(lambda _: hook() if hook else 0), None)
    result = int(library().llama_team_run(team, byref(loop), byref(stop)))
    assert not errors, errors
    return result


def rounds_of(team: c_void_p | None, n: int) -> list[tuple[int, int]]:
    """Return a loop's rounds in the order in which they ran, each with its worker."""
    seen: list[tuple[int, int]] = []
    assert run(team, n, lambda i, worker: seen.append((i, worker))) == 0
    return seen


def n_threads() -> int:
    """Return the number of threads of this process."""
    return len(os.listdir("/proc/self/task"))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 8), st.lists(st.integers(0, 40), min_size=1, max_size=20))
def test_every_round_exactly_once(n_workers: int, loops: list[int]) -> None:
    with opened(n_workers) as team:
        for n in loops:
            seen = rounds_of(team, n)
            assert sorted(i for i, _ in seen) == list(range(n))
            assert all(worker < n_workers for _, worker in seen)


def test_alone_the_rounds_come_in_order() -> None:
    assert rounds_of(None, 5) == [(i, 0) for i in range(5)]


def test_helpers_take_part() -> None:
    together = threading.Barrier(4)
    with opened(4) as team:
        for pause in (0.0, 0.0, 0.0, 0.02, 0.02):
            seen: set[int] = set()

            def work(_: int, worker: int, seen: set[int] = seen) -> None:
                seen.add(worker)
                together.wait(timeout=patience.scaled(30))  # passes only when four are here at once

            time.sleep(pause)  # long pauses let the workers fall asleep
            assert run(team, 4, work) == 0
            assert seen == {0, 1, 2, 3}


@pytest.mark.parametrize("n_workers", [2, 3, 5])
def test_a_helper_waits_for_its_caller(n_workers: int) -> None:
    n = 60
    counts = [0] * n_workers
    held = threading.Event()

    def work(_: int, worker: int) -> None:
        counts[worker] += 1
        if worker == 0 and counts[0] == 1:
            held.wait(timeout=1)  # the caller cannot run

    with opened(n_workers) as team:
        assert run(team, n, work) == 0
        first = list(counts)
    assert sum(first) == n
    # Workers got at most one share ahead of the caller's first round and left it the rest.
    assert first[0] > 1
    share = n // n_workers + 1
    assert all(count <= first[0] + share for count in first[1:])


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 8), st.integers(1, 40), st.integers(1, 40))
def test_the_hook_stops_the_work(n_workers: int, n: int, at: int) -> None:
    calls = 0
    under_way = 0
    guard = threading.Lock()
    seen: list[int] = []

    def hook() -> int:
        nonlocal calls
        calls += 1
        return -4 if calls >= at else 0

    def work(i: int, _: int) -> None:
        nonlocal under_way
        with guard:
            under_way += 1
        seen.append(i)
        with guard:
            under_way -= 1

    with opened(n_workers) as team:
        result = run(team, n, work, hook)
        assert under_way == 0
        assert result == (-4 if calls >= at else 0)
        assert len(set(seen)) == len(seen)
        if result:
            assert calls == at
        else:
            assert sorted(seen) == list(range(n))
        # Skipped rounds do not run in a later loop.
        before = len(seen)
        assert sorted(i for i, _ in rounds_of(team, n)) == list(range(n))
        assert len(seen) == before


def test_idle_helpers_sleep() -> None:
    with opened(4) as team:
        rounds_of(team, 16)
        time.sleep(0.1)
        before = time.process_time()
        time.sleep(0.5)
        used = time.process_time() - before
        assert len(rounds_of(team, 16)) == 16
    assert used < 0.02 * patience.slowness()


def test_closing_ends_the_threads() -> None:
    before = n_threads()
    with opened(8):
        assert n_threads() == before + 7
    assert n_threads() == before


def test_bounds() -> None:
    lib = library()
    for n in (0, MAX_THREADS + 1, 2**32 - 1):
        assert not lib.llamuxu_team_open(n)
    with opened(MAX_THREADS) as team:
        assert sorted(i for i, _ in rounds_of(team, 500)) == list(range(500))
    lib.llamuxu_team_close(None)


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_logits_are_the_same_bits(threads: int) -> None:
    """Check every weight type and shape in batches of 1, 13 and 64 tokens, on the paths in turn."""
    wrong = []
    isas = itertools.cycle(usable_isas())
    for golden in goldens.load():
        select_isa(next(isas))
        with Model(golden.model_path()) as model:
            for batch in (1, 13, 64) if golden.tiny else (13,):
                logits = model.logits(golden.tokens, batch, threads)
                if hashlib.sha256(logits.tobytes()).hexdigest() != golden.sha256:
                    wrong.append((golden.name, batch))
    select_isa(None)
    assert wrong == []


def test_threads_out_of_range() -> None:
    with Model(goldens.load()[-1].model_path()) as model:
        for threads in (0, -1, MAX_THREADS + 1):
            with pytest.raises(UsageError, match="1 to 64"):
                Session(model, 8, threads=threads)


def test_stress_under_tsan() -> None:
    """Run parallel teams with loops of all sizes, stops, pauses and closing for some seconds."""
    program = sanitized.executable(TOOLS / "team_stress.c", "thread")
    out = sanitized.run(program, "5\n")
    loops, rounds = map(int, out.split())
    assert loops > 100
    assert rounds > loops


def test_passes_under_tsan(tmp_path: Path) -> None:
    """Check teams over one model, stopped and resumed at random: no race, and equal integers."""
    model = make_model("tiny", "Q4_0", tmp_path / "tiny.gguf")
    program = sanitized.executable(TOOLS / "pass_stress.c", "thread")
    passes, stops = map(int, sanitized.run(program, f"6 {model}\n").split())
    assert passes > 100
    assert stops > 20

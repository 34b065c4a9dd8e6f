# SPDX-License-Identifier: GPL-2.0
"""Check the self-test that the module runs when it is loaded, on every path."""

import hashlib
import itertools
import multiprocessing
import time

import pytest

from harness.core.library import ISAS, library, usable_isas
from harness.core.session import Model
from harness.vectors import goldens

LIMIT_S = 0.05
"""Seconds of processor time allowed for all paths of a machine; they take a tenth of it."""


def usable_paths() -> list[int]:
    """Return the indices of the paths that this machine can run, the best one first."""
    native = library()
    paths = itertools.takewhile(native.llama_path_at, itertools.count())
    return [i for i in paths if native.llama_path_usable(i)]


def test_every_path_passes() -> None:
    assert len(usable_isas()) > 1
    assert [library().llamuxu_selftest(i) for i in range(len(ISAS))] == [None] * len(ISAS)


def test_every_wrong_function_is_found() -> None:
    """Check each function of each path, one at a time; the generic path has no product of tiles."""
    native = library()
    functions = range(native.llamuxu_functions())
    names = [native.llamuxu_wrong_name(0, f) for f in functions]
    assert len(set(names)) == len(names) == 19
    assert len(usable_paths()) == len(usable_isas())
    for i in usable_paths():
        expected = [native.llamuxu_wrong_name(i, f) for f in functions]
        assert expected[1:] == names[1:]
        assert [native.llamuxu_selftest_wrong(i, f) for f in functions] == expected
    assert expected[0] is None


def without(n: int) -> tuple[str, list[str]]:
    """Return the path in use after the best ``n`` are disabled, and hashes of its golden logits."""
    native = library()
    for i in usable_paths()[:n]:
        native.llama_path_disable(i)
    assert native.llama_path_select(None) == 0
    found = []
    for golden in goldens.load():
        if golden.tiny:
            with Model(golden.model_path()) as model:
                logits = model.logits(golden.tokens, 17)
            found.append(hashlib.sha256(logits.tobytes()).hexdigest())
    return native.llama_path_name().decode(), found


@pytest.mark.parametrize("n", [1, 2])
def test_the_next_best_path_is_used(n: int) -> None:
    """Check the fallback in a process of its own, since a disabled path stays disabled."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        isa, found = pool.apply(without, (n,))
    assert isa == usable_isas()[-1 - n]
    assert found == [golden.sha256 for golden in goldens.load() if golden.tiny]


def test_it_takes_little_time() -> None:
    """Check the processor time, which other processes do not change."""
    native, times = library(), []
    for _ in range(5):
        start = time.process_time()
        for i in range(len(ISAS)):
            assert native.llamuxu_selftest(i) is None
        times.append(time.process_time() - start)
    assert min(times) < LIMIT_S

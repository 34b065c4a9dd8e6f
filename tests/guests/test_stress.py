# SPDX-License-Identifier: GPL-2.0
"""A hundred clients at once, and every answer compared; how late others wake meanwhile."""

from dataclasses import replace

import pytest

from harness.bench import latency
from harness.checks import stress
from harness.host.architectures import ARCHITECTURES
from harness.host.errors import HarnessError
from harness.kernels import find

SECONDS = 45
"""Length of a round, of which there are more until everything has happened."""
HARD = ("kills", "interruptions", "hotplugs", "fills", "moves")
ERRORS = {"EINTR", "EINVAL", "EBUSY", "EUSERS"}


def is_enough(tiny: stress.Report) -> bool:
    """Whether everything has happened, and often."""
    return (
        all(tiny.operations.values())
        and all(tiny.counts[key] for key in HARD)
        and tiny.counts["compared"] > 60
        and tiny.errors.keys() >= ERRORS
    )


def add(total: dict[str, int], more: dict[str, int]) -> None:
    """Sum by key."""
    for key, n in more.items():
        total[key] = total.get(key, 0) + n


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> str:
    """The architecture of the kernel that was asked for; where none was, x86_64."""
    name: str = request.config.getoption("--arch")
    return name


@pytest.mark.boot
@pytest.mark.xdist_group("stress")
@pytest.mark.seconds(100)
@pytest.mark.debug_kernel("x86_64/kasan", "aarch64/kasan", "kcsan")
def test_a_hundred_clients(machine: str, kernel: str | None) -> None:
    """All kinds of clients, of two models; nothing is lost, mixed or left.

    A slow machine gets more time until everything has happened.
    """
    loads = [load for load in stress.LOADS if load.model != "tiny-spm"]
    slowness = find.kernel(ARCHITECTURES[machine], kernel).slowness
    seconds = round(SECONDS * slowness)
    tiny, large = stress.run(seconds, arch=machine, kernel=kernel, loads=loads)
    assert (tiny.failures, large.failures) == ([], [])
    assert large.counts["compared"] > 0
    for seed in range(1, 5):
        if is_enough(tiny):
            return
        (more,) = stress.run(seconds, arch=machine, kernel=kernel, loads=loads[:1], seed=seed)
        assert more.failures == []
        for total, part in (
            (tiny.operations, more.operations),
            (tiny.counts, more.counts),
            (tiny.errors, more.errors),
        ):
            add(total, part)
    assert is_enough(tiny), tiny


@pytest.mark.parametrize("arch", ["x86_64"])
def test_mixed_answers_are_seen(arch: str) -> None:
    """Two questions whose answers change places: what a reader of another's text would see."""
    load = replace(stress.LOADS[0], n_texts=6, n_logits=2)
    asked = stress.questions(load, 0)
    first = asked.texts[0]
    second = next(text for text in asked.texts if text.answer != first.answer)
    swapped = [replace(first, answer=second.answer), replace(second, answer=first.answer)]
    mixed = {load.model: replace(asked, texts=swapped)}
    (report,) = stress.run(12, arch=arch, clients=8, loads=[load], ask=mixed)
    assert any("they are of another answer" in failure for failure in report.failures), report


def test_questions_are_told_apart_by_their_answers() -> None:
    asked = stress.questions(stress.LOADS[0], 0)
    assert asked == stress.questions(stress.LOADS[0], 0)
    for some in (asked.texts, asked.logits):
        assert len({question.answer for question in some}) > 0.9 * len(some)


def test_what_the_program_prints_is_taken() -> None:
    report = stress.Report("tiny", 1, 1)
    text = "operation private 3\ncount compared 2\nerror EINTR 1\nfailure it is all wrong\n"
    stress.parse(text, report)
    assert report == stress.Report(
        "tiny", 1, 1, {"private": 3}, {"compared": 2}, {"EINTR": 1}, ["it is all wrong"]
    )
    with pytest.raises(HarnessError):
        stress.parse("Segmentation fault\n", report)


@pytest.mark.parametrize("arch", ["x86_64"])
def test_latency_is_measured(arch: str) -> None:
    """Figures of an emulator say little, so only what cannot be wrong anywhere."""
    report = latency.run(2, arch=arch, model=str(stress.LOADS[0].path()))
    for load in latency.LOADS:
        for policy in ("SCHED_OTHER", "SCHED_FIFO"):
            row = report.row(load, policy)
            assert 0 < row.p50_us <= row.p99_us <= row.max_us
            assert row.wakes > 20
            assert (row.answer_bytes > 0) == (load == "answers")

# SPDX-License-Identifier: GPL-2.0
"""Guessing ahead and keeping what is known change no byte of an answer."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core import MAX_DRAFT, CoreError, Model, Options, Session
from harness.models import resolve
from tests.model_files import tiny_model

WORDS = ["one", "two", " the", " a", "\n", "kernel", " and", "!", "é"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    path: Path = tiny_model(tmp_path_factory.mktemp("tiny"), "Q4_0")
    with Model(path) as m:
        yield m


def answer(session: Session, prompt: str, options: Options) -> bytes:
    session.forget()
    return b"".join(session.answer(prompt.encode(), options))


prompts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map("".join)
samplers = st.builds(
    Options,
    temperature=st.sampled_from([0, 1 << 14, 1 << 16]),
    repeat_penalty=st.sampled_from([1 << 16, 5 << 14]),
    seed=st.integers(0, 2**64 - 1),
    max_tokens=st.integers(1, 60),
    chat=st.just(0),
)


@settings(deadline=None, max_examples=60)
@given(prompts, samplers, st.integers(1, MAX_DRAFT), st.integers(1, 12))
def test_guesses_change_nothing(
    model: Model, prompt: str, options: Options, speculate: int, batch: int
) -> None:
    with Session(model, 128, batch) as plain, Session(model, 128, batch) as ahead:
        want = answer(plain, prompt, replace(options, speculate=0))
        got = answer(ahead, prompt, replace(options, speculate=speculate))
        assert got == want
        assert plain.counts().drafted == 0
        assert ahead.counts().answer == plain.counts().answer
        assert ahead.counts().accepted <= ahead.counts().drafted


def test_repetition_is_guessed() -> None:
    options = Options(max_tokens=96)
    prompt = "Repeat this line four times: the quick brown fox jumps over the lazy dog."
    with Model(resolve("smollm2")) as m, Session(m, 256, threads=2) as session:
        want = answer(session, prompt, replace(options, speculate=0))
        for speculate in (1, 4, MAX_DRAFT):
            assert answer(session, prompt, replace(options, speculate=speculate)) == want
            counts = session.counts()
            assert 10 < counts.accepted <= counts.drafted


def test_the_context_ends_within_a_guess(model: Model) -> None:
    prompt = "ab" * 12
    options = Options(max_tokens=10_000, chat=0)
    for n_ctx in range(40, 56):
        with Session(model, n_ctx, 8) as session:
            want = answer(session, prompt, replace(options, speculate=0))
            tokens = session.counts().answer
            assert answer(session, prompt, options) == want
            assert session.counts().answer == tokens


def test_too_many_guesses_are_refused(model: Model) -> None:
    with Session(model, 64) as session, pytest.raises(CoreError, match="speculate is 8"):
        answer(session, "x", Options(speculate=MAX_DRAFT + 1))


@settings(deadline=None, max_examples=40)
@given(st.lists(prompts, min_size=2, max_size=5), samplers)
def test_what_is_known_changes_nothing(model: Model, texts: list[str], options: Options) -> None:
    with Session(model, 128, 8) as kept, Session(model, 128, 8) as fresh:
        for text in texts:
            got = b"".join(kept.answer(text.encode(), options))
            assert got == answer(fresh, text, options)
            assert fresh.counts().reused == 0


def test_the_head_of_a_chat_is_known_the_second_time() -> None:
    with Model(resolve("smollm2")) as m, Session(m, 256) as session:
        options = Options(max_tokens=4)
        first = b"".join(session.answer(b"Hello", options))
        assert session.counts().reused == 0
        b"".join(session.answer(b"What is a pipe?", options))
        head = session.counts()
        assert 20 < head.reused < head.prompt
        # The same again: all but the last token is known.
        assert b"".join(session.answer(b"Hello", options)) == first
        b"".join(session.answer(b"Hello", options))
        again = session.counts()
        assert again.reused == again.prompt - 1
        # Another system prompt shares only what comes before it.
        b"".join(session.answer(b"Hello", replace(options, system="Be brief.")))
        assert session.counts().reused < head.reused


def test_a_pass_in_between_takes_the_place_of_what_was_known(model: Model) -> None:
    import numpy as np

    options = Options(max_tokens=20, chat=0)
    with Session(model, 128) as session:
        want = b"".join(session.answer(b"one two the", options))
        session.forward(
            np.array([5, 6], dtype=np.uint32), 1, np.empty((0, model.n_vocab), dtype=np.int32)
        )
        assert b"".join(session.answer(b"one two the", options)) == want
        assert session.counts().reused <= 1

# SPDX-License-Identifier: GPL-2.0
"""Check that prompt look-up and reused positions change the speed of an answer, never its bytes."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.figures import Counts
from harness.core.library import CoreError, select_isa, usable_isas
from harness.core.options import MAX_DRAFT, Options
from harness.core.session import Model, Session
from harness.models.catalog import resolve
from tests.support import model_files

N_CTX = 64


RECIPE = model_files.ModelRecipe(n_ctx=N_CTX, n_layer=1, seed=1)
RECIPES = (
    RECIPE,
    replace(RECIPE, kind=Type.Q4_1),
    replace(RECIPE, kind=Type.Q8_0, n_head_kv=1, seed=2),
    replace(RECIPE, kind=Type.Q6_K, n_embd=256, n_ff=256, seed=3),
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Model, ...]]:
    """Yield models whose greedy answers soon repeat themselves."""
    folder: Path = tmp_path_factory.mktemp("models")
    with ExitStack() as stack:
        paths = [model_files.write(r, folder / f"{i}.gguf") for i, r in enumerate(RECIPES)]
        yield tuple(stack.enter_context(Model(path)) for path in paths)


@pytest.fixture(scope="module")
def model(models: tuple[Model, ...]) -> Model:
    """Return the first model."""
    return models[0]


def ask(
    model: Model,
    prompt: bytes,
    options: Options,
    n_ctx: int = N_CTX,
    batch: int = 32,
    threads: int = 1,
) -> tuple[bytes, Counts]:
    """Return an answer from a new session, and its counts."""
    with Session(model, n_ctx, batch, threads) as session:
        return b"".join(session.answer(prompt, options)), session.counts()


@given(
    prompt=st.lists(st.sampled_from("abc"), min_size=1, max_size=30),
    speculate=st.integers(1, MAX_DRAFT),
    temperature=st.sampled_from([0, 1 << 14, 1 << 16, 4 << 16]),
    penalty=st.sampled_from([1 << 16, 80000]),
    seed=st.integers(0, 2**64 - 1),
    max_tokens=st.integers(0, N_CTX),
    n_ctx=st.integers(40, N_CTX),
    batch=st.sampled_from([1, 2, 5, 32]),
    which=st.integers(0, len(RECIPES) - 1),
    isa=st.sampled_from(usable_isas()),
    threads=st.integers(1, 4),
)
@settings(max_examples=150, deadline=None)
def test_speculation_changes_no_answer(
    models: tuple[Model, ...],
    prompt: list[str],
    speculate: int,
    temperature: int,
    penalty: int,
    seed: int,
    max_tokens: int,
    n_ctx: int,
    batch: int,
    which: int,
    isa: str,
    threads: int,
) -> None:
    """Compare with the answer without speculation from the generic path on one thread."""
    text = "".join(prompt).encode()
    texts, lengths = set(), set()
    for n in (0, speculate):
        options = Options(
            temperature=temperature,
            repeat_penalty=penalty,
            seed=seed,
            max_tokens=max_tokens,
            speculate=n,
        )
        select_isa(isa if n else "generic")
        answer, counts = ask(models[which], text, options, n_ctx, batch, threads if n else 1)
        texts.add(answer)
        lengths.add(counts.answer)
        assert counts.accepted <= counts.drafted
        assert n or not counts.drafted
    select_isa(None)
    assert len(texts) == len(lengths) == 1


def test_drafts_are_accepted_where_the_answer_repeats(model: Model) -> None:
    _, counts = ask(model, b"abcabc", Options(max_tokens=0))
    assert counts.accepted > 5


def test_drafts_are_rejected_where_it_does_not() -> None:
    with Model(resolve("smollm2")) as real:
        _, counts = ask(real, b"What is a kernel module?", Options(max_tokens=100), 256)
    assert counts.drafted > counts.accepted


def test_too_long_a_draft_is_refused(model: Model) -> None:
    with pytest.raises(CoreError, match="speculate is 8, at most 7"):
        ask(model, b"a", Options(speculate=MAX_DRAFT + 1))


@given(
    asked=st.lists(
        st.tuples(
            st.sampled_from([b"ab", b"abc", b"cb", b"a", b"xabc"]),
            st.sampled_from([None, "i", "ih"]),
            st.integers(0, 6),
        ),
        min_size=2,
        max_size=5,
    )
)
@settings(max_examples=50, deadline=None)
def test_reuse_changes_no_answer(model: Model, asked: list[tuple[bytes, str | None, int]]) -> None:
    with Session(model, N_CTX) as session:
        for text, system, steps in asked:
            options = Options(max_tokens=20, system=system)
            answer = b"".join(session.answer(text, options))
            assert answer == ask(model, text, options)[0]
            assert session.counts().reused < session.counts().prompt
            # Leave an answer unfinished.
            for _ in zip(range(steps), session.answer(text + b"e", options), strict=False):
                pass


def test_only_what_is_new_is_evaluated(model: Model) -> None:
    options = Options(max_tokens=3)
    with Session(model, N_CTX) as session:

        def reused(text: bytes, options: Options = options) -> tuple[int, int]:
            list(session.answer(text, options))
            return session.counts().reused, session.counts().prompt

        n = reused(b"abc")[1]
        assert reused(b"abc") == (n - 1, n)
        assert reused(b"abd") == (n - 1, n)
        assert reused(b"aed") == (n - 2, n)
        assert reused(b"aed", Options(max_tokens=3, system="g"))[0] <= 4
        session.forget()
        assert reused(b"aed")[0] == 0


def test_the_system_prompt_is_reused() -> None:
    with Model(resolve("smollm2")) as m, Session(m, 256) as session:
        options = Options(max_tokens=4)
        first = b"".join(session.answer(b"Hello", options))
        assert session.counts().reused == 0
        list(session.answer(b"What is a pipe?", options))
        head = session.counts()
        assert 20 < head.reused < head.prompt
        # For the same prompt, all tokens but the last are reused.
        assert b"".join(session.answer(b"Hello", options)) == first
        list(session.answer(b"Hello", options))
        again = session.counts()
        assert again.reused == again.prompt - 1
        # Another system prompt shares only the tokens before it.
        list(session.answer(b"Hello", replace(options, system="Be brief.")))
        assert session.counts().reused < head.reused


def test_a_forward_pass_ends_reuse(model: Model) -> None:
    options = Options(max_tokens=20)
    with Session(model, N_CTX) as session:
        want = b"".join(session.answer(b"abcab", options))
        session.forward(
            np.array([5, 6], dtype=np.uint32), 1, np.empty((0, model.n_vocab), dtype=np.int32)
        )
        assert b"".join(session.answer(b"abcab", options)) == want
        assert session.counts().reused <= 1

# SPDX-License-Identifier: GPL-2.0
"""Check scores of texts against the twin and a real model's logits, and their side effects."""

import errno
import json
from collections.abc import Iterator
from ctypes import byref
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cli import main
from harness.core.chat import CONT, Chat
from harness.core.declarations import Diag, Hook, NativeScore, Yield
from harness.core.figures import Score
from harness.core.library import CoreError, library
from harness.core.options import Options
from harness.core.session import Model, Session
from harness.models.catalog import resolve
from harness.reference import score as law
from harness.reference.twin import Twin
from tests.support import model_files

N_CTX = 64
EOS = 2


@dataclass(frozen=True)
class Tiny:
    """Small model in the core, its twin, and its vocabulary."""

    model: Model
    twin: Twin
    vocabulary: Chat


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    recipe = model_files.ModelRecipe(n_ctx=N_CTX, n_layer=1)
    path: Path = model_files.write(recipe, tmp_path_factory.mktemp("models") / "tiny.gguf")
    with Model(path) as model, Chat(path.read_bytes()) as vocabulary:
        yield Tiny(model, Twin(path), vocabulary)


TEXTS = st.text(st.sampled_from("abw12 \u00e9\U0001f999"), max_size=8).map(str.encode)


@given(
    prompt=TEXTS,
    candidates=st.lists(TEXTS, min_size=1, max_size=2),
    end=st.booleans(),
    batch=st.sampled_from([1, 2, 5, 32]),
)
@settings(max_examples=15, deadline=None)
def test_the_twin_agrees(
    tiny: Tiny, prompt: bytes, candidates: list[bytes], end: bool, batch: int
) -> None:
    with Session(tiny.model, N_CTX, batch) as session:
        found = list(session.score(prompt, candidates, Options(), end))
        ids = [int(i) for i in session.tokens()]
    for candidate, score in zip(candidates, found, strict=True):
        tokens = tiny.vocabulary.plain(candidate, CONT)
        want = law.score(tiny.twin, ids, tokens, [EOS] if end else [])
        assert (score.tokens, score.log_prob) == want


def test_a_candidate_follows_the_prompt_byte_by_byte(tiny: Tiny) -> None:
    """Check that candidates get no added space and no control tokens."""
    with Session(tiny.model, N_CTX) as session:
        texts = [b" b", b"b", b"</s>"]
        sizes = [score.tokens for score in session.score(b"a", texts, Options(), end=False)]
    assert sizes == [3 + 1, 1, 4]  # the vocabulary has only bytes for them


def test_an_answers_confidence_is_its_score() -> None:
    """Check that score and confidence agree on the same tokens, including the end token."""
    with Model(resolve("smollm2")) as model, Session(model, 256) as session:
        options = Options(max_tokens=12)
        prompt = b"What is the capital of France? Name it."
        answer = b"".join(session.answer(prompt, options)).removesuffix(b"\n")
        found = session.confidence()
        assert found.tokens <= options.max_tokens
        (score,) = session.score(prompt, [answer], options)
    assert (score.tokens, score.log_prob) == (found.tokens, found.log_prob)


@pytest.mark.parametrize(
    ("options", "prompt", "text", "end"),
    [
        (Options(), b"Is it?", b"Yes.", b"<|im_end|>"),
        (Options(chat=0), b"A", b"", b"<|endoftext|>"),
    ],
)
def test_the_end_is_the_likeliest_of_its_tokens(
    options: Options, prompt: bytes, text: bytes, end: bytes
) -> None:
    path = resolve("smollm2")
    with Chat(path.read_bytes()) as vocabulary:
        token = next(i for i in range(vocabulary.n_vocab) if vocabulary.piece(i) == end)
        tokens = vocabulary.plain(text, CONT)
    with Model(path) as model, Session(model, 256) as session:
        (score,) = session.score(prompt, [text], options)
        (bare,) = session.score(prompt, [text], options, end=False)
        row = model.logits([*map(int, session.tokens()), *tokens])[-1]
    assert score.log_prob - bare.log_prob == law.log_prob(row, token)
    assert (score.tokens, bare.tokens) == (len(tokens) + 1, len(tokens))


def test_the_right_one_is_the_likeliest() -> None:
    with Model(resolve("smollm2")) as model, Session(model, 256) as session:
        names = [b"London", b"Paris", b"Rome", b"a banana"]
        prompt = b"What is the capital of France? Answer with one word."
        scores = [s.log_prob for s in session.score(prompt, names, Options())]
    assert max(scores) == scores[1] < 0


def test_prompt_and_cache_are_as_they_were(tiny: Tiny) -> None:
    """Check that scoring changes no later answer and that the prompt is not evaluated again."""
    options = Options(max_tokens=20)
    with Session(tiny.model, N_CTX) as session:
        want = b"".join(session.answer(b"abca", options))
    with Session(tiny.model, N_CTX) as session:
        first = list(session.score(b"abca", [b"b", b"bbb", b""], options))
        assert b"".join(session._steps()) == want
        assert list(session.score(b"abca", [b"b", b"bbb", b""], options)) == first
        assert session.counts().reused == session.counts().prompt - 1
        assert b"".join(session.answer(b"abca", options)) == want


def test_an_empty_text_is_certain(tiny: Tiny) -> None:
    with Session(tiny.model, N_CTX) as session:
        assert list(session.score(b"a", [b""], Options(), end=False)) == [Score(0, 0)]


def test_texts_longer_than_the_context_are_refused(tiny: Tiny) -> None:
    with Session(tiny.model, N_CTX) as session:
        list(session.score(b"a", [], Options()))
        room = N_CTX - session.counts().prompt
        text = b"b" * room
        (whole,) = session.score(b"a", [text], Options())
        assert whole.tokens == room + 1
        with pytest.raises(CoreError, match=f"room for {room} tokens") as refused:
            list(session.score(b"a", [text + b"b"], Options()))
    assert refused.value.errno == errno.EMSGSIZE


def test_an_answer_that_has_begun_has_no_scores(tiny: Tiny) -> None:
    with Session(tiny.model, N_CTX) as session:
        score = NativeScore()
        assert library().llamuxu_score_init(session.handle, byref(score)) == -errno.EINVAL
        answer = session.answer(b"a", Options(max_tokens=10))
        next(answer)
        assert library().llamuxu_score_init(session.handle, byref(score)) == -errno.EINVAL


def test_a_step_that_is_stopped_can_be_made_again(tiny: Tiny) -> None:
    """Check a retry after a stop at each call of the hook, one call later at each attempt."""
    patience, stopped = 0, 0

    def stop(_: int | None) -> int:
        nonlocal patience
        patience -= 1
        return -errno.EINTR if patience < 0 else 0

    hook = Yield(Hook(stop), None)
    lib, score, text = library(), NativeScore(), b"bababab babab"
    with Session(tiny.model, N_CTX, 4) as session:
        (want,) = session.score(b"abcabc", [text], Options())
    with Session(tiny.model, N_CTX, 4) as session:
        list(session.score(b"abcabc", [], Options()))
        assert lib.llamuxu_score_init(session.handle, byref(score)) == 0
        arguments = (session.handle, byref(score), text, len(text), 1, byref(Diag()))
        assert lib.llamuxu_score_begin(*arguments) == 0
        while not score.done:
            patience = stopped
            stopped += lib.llamuxu_score_step(session.handle, byref(score), byref(hook)) != 0
    assert (score.n, score.log_prob) == (want.tokens, want.log_prob)
    assert stopped > 3


def test_verb_names_the_likeliest_first(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["score", "smollm2", "--raw", "--open", "--prompt", "The capital of France is"]
    arguments += ["--candidate", " London", "--candidate", " Paris"]
    assert main(arguments) == 0
    assert [line.split()[1:] for line in capsys.readouterr().out.splitlines()] == [
        ["1", "Paris"],
        ["1", "London"],
    ]
    assert main([*arguments, "--json"]) == 0
    london, paris = json.loads(capsys.readouterr().out)
    assert london["log_prob"] < paris["log_prob"] < 0

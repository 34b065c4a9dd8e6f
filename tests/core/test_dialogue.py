# SPDX-License-Identifier: GPL-2.0
"""Check dialogues: reused positions are never evaluated twice and never change the answers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.core import chat
from harness.core.library import CoreError
from harness.core.options import Options
from harness.core.session import Model, Session
from harness.models.catalog import resolve
from tests.support import model_files

N_CTX = 512
WORDS = ("a", "w1 w2", "What?", "w3", "no", "yes w9")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    return Path(model_files.write(model_files.ModelRecipe(n_ctx=N_CTX, n_layer=1, seed=1), path))


@pytest.fixture(scope="module")
def model(path: Path) -> Iterator[Model]:
    with Model(path) as loaded:
        yield loaded


def check_answer(model: Model, session: Session) -> None:
    """Check that one pass over all tokens predicts the latest answer."""
    tokens, prompt = session.tokens(), session.counts().prompt
    logits = np.empty((len(tokens), model.n_vocab), np.int32)
    with Session(model, N_CTX, 64) as fresh:
        for at in range(0, len(tokens), 64):
            part = tokens[at : at + 64]
            fresh.forward(part, at, logits[at : at + len(part)])
    assert list(np.argmax(logits[prompt - 1 : -1], axis=1)) == list(tokens[prompt:])


@pytest.mark.parametrize("family", ["none", "chatml", "zephyr", "llama-2", "llama-3"])
def test_turns_continue_the_dialogue(model: Model, path: Path, family: str) -> None:
    options = Options(max_tokens=5, chat=chat.by_name(family), system="Be w5.")
    expected: list[int] = []
    before = 0
    with chat.Chat(path.read_bytes()) as template, Session(model, N_CTX) as session:
        for i, word in enumerate(WORDS[:3]):
            for _ in session.say(word.encode(), options):
                pass
            expected += template.turn(
                word.encode(), system=b"Be w5.", first=i == 0, family=options.chat
            )
            counts, tokens = session.counts(), list(session.tokens())
            assert tokens[: counts.prompt] == expected
            check_answer(model, session)
            if i:
                # Everything is reused, except perhaps the last answer's last token.
                assert counts.reused >= before - 1
            expected, before = tokens, len(tokens)


def test_the_oldest_turns_are_dropped(model: Model, path: Path) -> None:
    options = Options(max_tokens=20, chat=chat.by_name("chatml"), system="w5")
    texts, dropped = [], 0
    with chat.Chat(path.read_bytes()) as template, Session(model, N_CTX) as session:
        for i in range(30):
            texts.append(f"{WORDS[i % len(WORDS)]} {i}".encode())
            before = list(session.tokens())
            for _ in session.say(texts[-1], options):
                pass
            prompt = list(session.tokens())[: session.counts().prompt]
            check_answer(model, session)
            new = template.turn(texts[-1], first=False, family=options.chat)
            assert prompt[-len(new) :] == new or not i
            if i and prompt[: len(before)] != before:
                dropped += 1
                # The prompt has the system prompt and the turns from a middle one on.
                starts = [template.turn(t, system=b"w5", family=options.chat) for t in texts[1:-1]]
                assert any(prompt[: len(start)] == start for start in starts)
                kept = prompt[: -len(new)]
                assert any(kept[len(s) :] == before[len(s) - len(kept) :] for s in starts)
            assert len(prompt) + 20 <= N_CTX
    assert dropped >= 2


def test_a_turn_that_is_too_long_leaves_the_others(model: Model) -> None:
    options = Options(max_tokens=5, chat=chat.by_name("chatml"))
    with Session(model, N_CTX) as session:
        for _ in session.say(b"w1", options):
            pass
        with pytest.raises(CoreError, match="room for"):
            next(session.say(b"x" * 2000, options))
        for _ in session.say(b"w2", options):
            pass
        assert session.counts().reused > 0
        check_answer(model, session)


def test_a_model_remembers_earlier_turns() -> None:
    with Model(resolve("smollm2")) as model, Session(model, N_CTX) as session:
        for _ in session.say(b"What is the capital of France?", Options(max_tokens=30)):
            pass
        assert b"Berlin" in b"".join(session.say(b"And of Germany?", Options(max_tokens=30)))


def test_stop_texts_end_an_answer() -> None:
    with Model(resolve("smollm2")) as model, Session(model, N_CTX) as session:
        whole = b"".join(session.answer(b"Count from one to ten.", Options(max_tokens=60)))
        stop = whole[20:26].decode()
        found = b"".join(session.answer(b"Count from one to ten.", Options(stops=("zzz", stop))))
    assert found.rstrip(b"\n") == whole[: whole.index(stop.encode())].rstrip(b"\n")

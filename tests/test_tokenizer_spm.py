# SPDX-License-Identifier: GPL-2.0
"""SentencePiece-style tokenization against the library itself."""

import time
from collections.abc import Iterator

import pytest
import sentencepiece
from texts import texts

from harness.chat import BOS, SPECIAL, Chat
from harness.models import sentencepiece_model
from harness.vocab_gguf import from_sentencepiece

N_TEXTS = 5000


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    """The model as a GGUF file."""
    out = tmp_path_factory.mktemp("vocab") / "spm.gguf"
    with Chat(from_sentencepiece(sentencepiece_model(), out).read_bytes()) as vocabulary:
        yield vocabulary


@pytest.fixture(scope="module")
def library() -> sentencepiece.SentencePieceProcessor:
    """The library's processor."""
    return sentencepiece.SentencePieceProcessor(model_file=str(sentencepiece_model()))


def test_equals_the_library(
    ours: Chat, library: sentencepiece.SentencePieceProcessor
) -> None:
    for text in texts(N_TEXTS, seed=4):
        decoded = text.decode("utf-8", "replace")
        assert ours.plain(text) == library.encode(decoded), decoded[:200]


def test_decodes_to_the_same_text(ours: Chat) -> None:
    for text in texts(500, seed=5):
        plain = text.decode("utf-8", "replace").encode()
        if "\u2581".encode() not in plain:  # stands for a space
            assert ours.text(ours.plain(text)) == plain


def test_bos(ours: Chat, library: sentencepiece.SentencePieceProcessor) -> None:
    assert ours.plain(b"hello", BOS) == [library.bos_id(), *library.encode("hello")]


def test_user_text_has_no_control_tokens(ours: Chat) -> None:
    assert not any(ours.is_control(i) for i in ours.plain(b"<s>hi</s>"))
    assert ours.plain(b"<s>hi</s>", SPECIAL)[0] == 1


def test_time_is_not_quadratic(ours: Chat) -> None:
    """Ten times the text may take 20 times as long, not 100 times."""

    def seconds(n: int) -> float:
        start = time.process_time()
        ours.plain(b"ab" * (n // 2))
        return time.process_time() - start

    seconds(10000)
    assert seconds(1000000) < 20 * max(min(seconds(100000) for _ in range(3)), 0.01)

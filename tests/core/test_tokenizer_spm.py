# SPDX-License-Identifier: GPL-2.0
"""Check SentencePiece-style tokenization against the SentencePiece library."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sentencepiece

from harness.core.chat import BOS, CONT, SPECIAL, Chat
from harness.host.paths import ROOT
from harness.models import malformed
from harness.models.image import Value
from harness.models.packaged import sentencepiece_model
from harness.models.vocabulary import from_sentencepiece, sentencepiece_tokens
from tests.support.texts import SCRAPS, texts

N_TEXTS = 5000


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    """Return the model as a GGUF file."""
    out = tmp_path_factory.mktemp("vocab") / "spm.gguf"
    with Chat(from_sentencepiece(sentencepiece_model(), out).read_bytes()) as vocabulary:
        yield vocabulary


@pytest.fixture(scope="module")
def library() -> sentencepiece.SentencePieceProcessor:
    """Return the library's processor."""
    return sentencepiece.SentencePieceProcessor(model_file=str(sentencepiece_model()))


def test_equals_the_library(ours: Chat, library: sentencepiece.SentencePieceProcessor) -> None:
    for text in texts(N_TEXTS, seed=4):
        decoded = text.decode("utf-8", "replace")
        ids = ours.plain(text)
        assert ids == library.encode(decoded), decoded[:200]
        assert not any(ours.is_control(i) for i in set(ids)), decoded[:200]


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
    """Check that ten times the text takes at most 20 times, not 100 times, as long."""

    def seconds(n: int) -> float:
        start = time.process_time()
        ours.plain(b"ab" * (n // 2))
        return time.process_time() - start

    seconds(10000)
    little = max(min(seconds(100000) for _ in range(3)), 0.01)
    assert min(seconds(1000000) for _ in range(3)) < 20 * little


def test_pieces_are_read_as_the_library_has_them(
    library: sentencepiece.SentencePieceProcessor,
) -> None:
    pieces, scores, kinds = sentencepiece_tokens(sentencepiece_model())
    ids = range(library.get_piece_size())
    assert pieces == [library.id_to_piece(i) for i in ids]
    assert scores == [library.get_score(i) for i in ids]
    assert [k == 3 for k in kinds] == [library.is_control(i) for i in ids]
    assert [k == 6 for k in kinds] == [library.is_byte(i) for i in ids]


USER_DEFINED = ["<ud>", "<ud2>", "ab", "abc", "\u2581\u2581\u2581", "  x"]


@pytest.mark.parametrize("byte_fallback", [True, False])
@pytest.mark.parametrize("add_prefix", [True, False])
def test_equals_a_trained_model_with_user_defined_pieces(
    tmp_path: Path, byte_fallback: bool, add_prefix: bool
) -> None:
    sentencepiece.SentencePieceTrainer.train(
        input=str(ROOT / "docs" / "numerics.md"),
        model_prefix=str(tmp_path / "trained"),
        model_type="bpe",
        vocab_size=700,
        byte_fallback=byte_fallback,
        user_defined_symbols=USER_DEFINED,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=add_prefix,
        num_threads=1,
        minloglevel=2,
    )
    model = tmp_path / "trained.model"
    library = sentencepiece.SentencePieceProcessor(model_file=str(model))
    out = from_sentencepiece(model, tmp_path / "trained.gguf")
    flags = 0 if add_prefix else CONT
    draw = random.Random(7)
    scraps = [*SCRAPS, *USER_DEFINED * 8, "a", "b", "c", "x", " ", "the "]
    with Chat(out.read_bytes()) as ours:
        for _ in range(1500):
            text = "".join(draw.choices(scraps, k=draw.randint(0, 16)))
            ids = ours.plain(text.encode(), flags)
            assert ids == library.encode(text), text
            if byte_fallback and add_prefix:
                assert ours.text(ids) == text.replace("\u2581", " ").encode()


def test_the_hook_is_called_and_obeyed(ours: Chat) -> None:
    for text in (b"a" * 200000, b"The cat sat. " * 16000):
        calls, n = ours.yields(text)
        assert calls >= len(text) // 65536
        assert n == len(ours.plain(text))
        assert ours.yields(text, stop_at=calls) == (calls, -4)


def test_zeros_of_either_sign_are_the_same_score() -> None:
    """Check that the leftmost of two pairs with equal scores merges."""
    image = malformed.base()
    malformed.spm(image)
    tokens = [*image.array("tokenizer.ggml.tokens"), b"q", b"qz", b"zq", b"z"]
    scores = [*image.array("tokenizer.ggml.scores"), -9.0, -0.0, 0.0, -9.0]
    types = [*image.array("tokenizer.ggml.token_type"), 1, 1, 1, 1]
    image.set_array("tokenizer.ggml.tokens", Value.STRING, tokens)
    image.set_array("tokenizer.ggml.scores", Value.F32, scores)
    image.set_array("tokenizer.ggml.token_type", Value.I32, types)
    with Chat(image.bytes()) as ours:
        pieces = [ours.piece(i) for i in ours.plain(b"qzq", CONT)]
    assert pieces == [b"qz", b"q"]

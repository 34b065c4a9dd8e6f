# SPDX-License-Identifier: GPL-2.0
"""Check confidence on every path against docs/sampling.md in Python and against float64."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.core import library
from harness.core.ops import Ops
from harness.core.options import Options
from harness.core.session import Model, Session
from harness.models.catalog import resolve
from harness.reference.score import log_prob, margin

Logits = NDArray[np.int32]
OPS = Ops()


@pytest.fixture(autouse=True, scope="module")
def best_path_again() -> Iterator[None]:
    yield
    library.select_isa(None)


def documented(logits: Logits, token: int) -> tuple[int, int]:
    """Return (log probability, margin) as docs/sampling.md defines them."""
    return log_prob(logits, token), margin(logits, token)


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.sampled_from([2, 3, 63, 64, 65, 4095, 4096, 4097, 9000]),
    spread=st.sampled_from([1, 1 << 10, 1 << 18, 1 << 22, 1 << 31]),
)
@settings(deadline=None)
def test_every_path_gives_the_documented_confidence(seed: int, n: int, spread: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.integers(-spread, spread, n).astype(np.int32)
    token = int(rng.integers(n))
    right = documented(logits, token)
    for isa in library.usable_isas():
        library.select_isa(isa)
        assert OPS.confidence(logits, token) == right, isa
    x = logits.astype(np.float64) / 65536
    truth = x[token] - x.max() - np.log(np.sum(np.exp(x - x.max())))
    assert abs(right[0] / 65536 - truth) < 1e-4


def test_an_answers_confidence_is_that_of_its_tokens() -> None:
    with Model(resolve("smollm2")) as model:
        with Session(model, 256) as session:
            for _ in session.answer(b"Count to three.", Options(max_tokens=12)):
                pass
            tokens, prompt = session.tokens(), session.counts().prompt
            found = session.confidence()
        logits = np.empty((len(tokens), model.n_vocab), np.int32)
        with Session(model, 256, 64) as fresh:
            fresh.forward(tokens, 0, logits)
    ids = [*map(int, tokens[prompt:])]
    if found.tokens > len(ids):
        ids.append(int(np.argmax(logits[-1])))
    each = [documented(logits[prompt - 1 + i], token) for i, token in enumerate(ids)]
    assert (found.tokens, found.log_prob, found.margin) == (
        len(ids),
        sum(a for a, _ in each),
        sum(b for _, b in each),
    )
    assert found.log_prob < 0 <= found.margin

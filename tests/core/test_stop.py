# SPDX-License-Identifier: GPL-2.0
"""Check stop texts: the first complete one ends an answer, however its bytes arrive."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.declarations import STOP_BYTES
from harness.core.stop import Filter
from harness.host.errors import UsageError
from harness.reference.stop import cut

WORDS = st.text("abc", min_size=1, max_size=5)


def passed(pieces: Sequence[str], stops: Sequence[str]) -> tuple[str, bool]:
    """Return the output of the filter, and whether a stop text ended it."""
    state, text = Filter(stops), b""
    for piece in pieces:
        out, done = state.push(piece.encode())
        text += out
        if done:
            return text.decode(), True
    return (text + state.end()).decode(), False


@given(pieces=st.lists(WORDS, max_size=12), stops=st.lists(WORDS, max_size=4))
@settings(deadline=None)
def test_the_first_that_is_complete_ends_the_answer(pieces: list[str], stops: list[str]) -> None:
    out, done = passed(pieces, stops)
    assert (out.encode(), done) == cut("".join(pieces).encode(), [s.encode() for s in stops])


def test_characters_are_never_split() -> None:
    assert passed(["α", "βα", "γ"], ["βγ"]) == ("αβαγ", False)
    assert passed(["a" * STOP_BYTES], ["a" * STOP_BYTES]) == ("", True)


@pytest.mark.parametrize("stop", ["", "a" * (STOP_BYTES + 1)])
def test_bad_ones_are_refused(stop: str) -> None:
    with pytest.raises(UsageError, match="1 to 64 bytes"):
        Filter([stop])

# SPDX-License-Identifier: GPL-2.0
"""The bytes of a port are cut from the mark that ends them, however they arrive."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harness.guests.ports import MarkedStream

MARK = b"0123456789abcdef"
END = b"\x1e" + MARK

# Pieces of the mark are what could confuse it.
pieces = st.lists(
    st.one_of(
        st.binary(max_size=5),
        st.integers(0, len(END) - 1).map(lambda count: END[:count]),
        st.just(b"\x1e"),
    ),
    max_size=12,
).map(b"".join)


@given(data=pieces, cuts=st.lists(st.integers(0, 200)))
def test_any_split_gives_the_same_bytes(data: bytes, cuts: list[int]) -> None:
    forwarded = bytearray()
    stream = MarkedStream(MARK, forwarded.extend)
    whole = data + END
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    for start, end in pairwise(edges):
        assert not stream.complete or start == end
        stream.feed(whole[start:end])
    assert stream.complete
    expected = whole[: whole.index(END)]
    assert bytes(stream.data) == expected
    assert forwarded == expected


@given(data=st.binary(max_size=50).filter(lambda data: b"\x1e" not in data))
def test_nothing_is_held_back_that_cannot_be_the_mark(data: bytes) -> None:
    stream = MarkedStream(MARK, None)
    stream.feed(data)
    assert bytes(stream.data) == data

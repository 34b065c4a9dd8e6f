# SPDX-License-Identifier: GPL-2.0
"""Check the UTF-8 functions against Python's own decoder."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.core import utf8

# Bytes near every boundary of the encoding, so that short texts contain all of them.
EDGES = bytes.fromhex("00 41 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff")
edgy = st.lists(st.sampled_from(list(EDGES)), max_size=12).map(bytes)
anything = st.one_of(
    edgy,
    st.binary(max_size=40),
    st.text(max_size=20).map(str.encode),
    st.tuples(st.text(max_size=8).map(str.encode), edgy).map(b"".join),
)


def replaced(data: bytes) -> bytes:
    return data.decode(errors="replace").encode()


@settings(max_examples=500, deadline=None)
@given(anything)
@example("\U0010ffff\ud7ff\ue000\x00".encode())
@example(b"\xed\xa0\x80\xf4\x90\x80\x80\xc0\x80\xe0\x80\x80")
def test_decode_equals_python(data: bytes) -> None:
    out, rest = "", data
    while rest:
        cp, used = utf8.decode(rest)
        part, rest = rest[: abs(used)], rest[abs(used) :]
        assert (used < 0) == (part != chr(cp).encode())
        if used < 0:
            assert cp == 0xFFFD
            with pytest.raises(UnicodeDecodeError):
                part.decode()
        out += chr(cp)
    assert out == data.decode(errors="replace")


def test_every_code_point_survives() -> None:
    for cp in [*range(0x3000), *range(0x3000, 0x110000, 0x101), 0xD7FF, 0xE000, 0xFFFF, 0x10FFFF]:
        if 0xD800 <= cp < 0xE000:
            assert utf8.encode(cp) == b"\xef\xbf\xbd"
            continue
        data = utf8.encode(cp)
        assert data == chr(cp).encode()
        assert utf8.decode(data) == (cp, len(data))


@pytest.mark.parametrize("cp", [0xD800, 0xDFFF, 0x110000, 0xFFFFFFFF])
def test_encode_never_writes_what_is_no_character(cp: int) -> None:
    assert utf8.encode(cp) == b"\xef\xbf\xbd"


@settings(max_examples=500, deadline=None)
@given(anything)
@example(b"\xf0\x9f\xa6")
@example(b"\xe0")
@example(b"\xe0\x80")
def test_check_finds_the_unfinished_tail(data: bytes) -> None:
    expected = None
    try:
        data.decode()
        expected = 0
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            expected = len(data) - error.start
    assert utf8.check(data) == expected


@settings(max_examples=500, deadline=None)
@given(anything, st.lists(st.integers(0, 40), max_size=10))
@example("🦙".encode(), [1, 2, 3])
@example(b"\xf0\x9f\xf0\x9f\xa6\x99\xe2\x82", [1, 2, 3, 4, 5, 6, 7])
def test_stream_equals_python_for_any_splitting(data: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    out = b""
    with utf8.Stream() as stream:
        for a, b in pairwise(places):
            piece = stream.push(data[a:b])
            piece.decode()  # the output has only whole characters
            out += piece
            # The stream outputs every character as soon as its bytes decide it.
            assert len(data[:b]) - _decided(data[:b]) < 4
            assert out == replaced(data[: _decided(data[:b])])
        assert out + stream.end() == replaced(data)
        assert stream.end() == b""


def _decided(data: bytes) -> int:
    """Return the bytes before an unfinished character at the end."""
    for n in range(1, min(3, len(data)) + 1):
        try:
            data[-n:].decode()
        except UnicodeDecodeError as error:
            if error.start == 0 and error.end == n and "unexpected end" in error.reason:
                return len(data) - n
    return len(data)

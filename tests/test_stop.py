# SPDX-License-Identifier: GPL-2.0
"""Stop texts: an answer ends before the first of them that is complete, however its bytes come."""

import ctypes
from collections.abc import Sequence
from ctypes import c_bool, c_char, c_char_p, c_size_t, c_uint32, c_void_p

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core import STOP_BYTES, Options, Stops, library

WORDS = st.text("abc", min_size=1, max_size=5)


class Filter(ctypes.Structure):
    """struct llama_stop_filter."""

    _fields_ = (("stops", Stops), ("n", c_uint32), ("held", c_char * STOP_BYTES))


def passed(pieces: Sequence[str], stops: Sequence[str]) -> tuple[str, bool]:
    """What comes out of the filter, and whether a stop text ended it."""
    lib = library()
    lib.llama_stop_push.argtypes = [c_void_p, c_char_p, c_size_t, c_void_p, c_void_p]
    lib.llama_stop_push.restype = lib.llama_stop_end.restype = c_size_t
    state, done = Filter(), c_bool()
    native = Options(stops=tuple(stops)).native()
    assert lib.llama_stop_begin(ctypes.byref(state), ctypes.byref(native.stops)) == 0
    out, text = ctypes.create_string_buffer(1000), b""
    for piece in pieces:
        data = piece.encode()
        n = lib.llama_stop_push(ctypes.byref(state), data, len(data), out, ctypes.byref(done))
        text += out.raw[:n]
        if done:
            return text.decode(), True
    n = lib.llama_stop_end(ctypes.byref(state), out)
    return (text + out.raw[:n]).decode(), False


def cut(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """The same of the whole text."""
    for end in range(1, len(text) + 1):
        found = [stop for stop in stops if text[:end].endswith(stop)]
        if found:
            return text[: end - max(map(len, found))], True
    return text, False


@given(pieces=st.lists(WORDS, max_size=12), stops=st.lists(WORDS, max_size=4))
@settings(deadline=None)
def test_the_first_that_is_complete_ends_the_answer(pieces: list[str], stops: list[str]) -> None:
    assert passed(pieces, stops) == cut("".join(pieces), stops)


def test_characters_are_never_split() -> None:
    assert passed(["α", "βα", "γ"], ["βγ"]) == ("αβαγ", False)
    assert passed(["a" * STOP_BYTES], ["a" * STOP_BYTES]) == ("", True)


@pytest.mark.parametrize("stop", ["", "a" * (STOP_BYTES + 1)])
def test_bad_ones_are_refused(stop: str) -> None:
    native = Options(stops=(stop,)).native()
    assert library().llama_stop_begin(ctypes.byref(Filter()), ctypes.byref(native.stops)) < 0

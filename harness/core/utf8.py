# SPDX-License-Identifier: GPL-2.0
"""The core's UTF-8 functions."""

import ctypes
from functools import cache
from types import TracebackType
from typing import Self

from harness.core.library import library


@cache
def _library() -> ctypes.CDLL:
    lib = library()
    size, text = ctypes.c_size_t, ctypes.c_char_p
    lib.llamuxu_utf8_decode.argtypes = [text, size, ctypes.POINTER(ctypes.c_uint32)]
    lib.llamuxu_utf8_encode.argtypes = [ctypes.c_uint32, text]
    lib.llamuxu_utf8_check.argtypes = [text, size, ctypes.POINTER(size)]
    lib.llamuxu_utf8_stream_new.argtypes = []
    lib.llamuxu_utf8_stream_new.restype = ctypes.c_void_p
    lib.llamuxu_utf8_stream_free.argtypes = [ctypes.c_void_p]
    lib.llamuxu_utf8_stream_free.restype = None
    lib.llamuxu_utf8_stream_push.argtypes = [ctypes.c_void_p, text, size, text]
    lib.llamuxu_utf8_stream_push.restype = size
    lib.llamuxu_utf8_stream_end.argtypes = [ctypes.c_void_p, text]
    lib.llamuxu_utf8_stream_end.restype = size
    return lib


def decode(data: bytes) -> tuple[int, int]:
    """The first code point of non-empty bytes, and utf8_decode()'s return value."""
    cp = ctypes.c_uint32()
    used = _library().llamuxu_utf8_decode(data, len(data), ctypes.byref(cp))
    return cp.value, used


def encode(cp: int) -> bytes:
    """A code point as UTF-8."""
    out = ctypes.create_string_buffer(4)
    n = _library().llamuxu_utf8_encode(cp, out)
    return out.raw[:n]


def check(data: bytes) -> int | None:
    """The length of an unfinished character at the end; None where the bytes are no UTF-8."""
    tail = ctypes.c_size_t()
    if _library().llamuxu_utf8_check(data, len(data), ctypes.byref(tail)):
        return None
    return tail.value


class Stream:
    """Pieces of bytes into whole characters; a context manager."""

    def __init__(self) -> None:
        self._lib = _library()
        self._handle = self._lib.llamuxu_utf8_stream_new()
        if not self._handle:
            raise MemoryError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lib.llamuxu_utf8_stream_free(self._handle)
        self._handle = None

    def push(self, data: bytes) -> bytes:
        """Feed bytes, get what is whole."""
        out = ctypes.create_string_buffer(3 * (len(data) + 3))
        n = self._lib.llamuxu_utf8_stream_push(self._handle, data, len(data), out)
        return out.raw[:n]

    def end(self) -> bytes:
        """The text is over."""
        out = ctypes.create_string_buffer(3)
        n = self._lib.llamuxu_utf8_stream_end(self._handle, out)
        return out.raw[:n]

# SPDX-License-Identifier: GPL-2.0
"""The core's UTF-8 functions."""

import ctypes
from ctypes import byref

from harness.core.library import Handle, library


def decode(data: bytes) -> tuple[int, int]:
    """Return the first code point of non-empty bytes, and the result of llama_utf8_decode()."""
    cp = ctypes.c_uint32()
    used = library().llamuxu_utf8_decode(data, len(data), byref(cp))
    return cp.value, used


def encode(cp: int) -> bytes:
    """Return a code point as UTF-8."""
    out = ctypes.create_string_buffer(4)
    n = library().llamuxu_utf8_encode(cp, out)
    return out.raw[:n]


def check(data: bytes) -> int | None:
    """Return the length of an unfinished character at the end, or None if this is not UTF-8."""
    tail = ctypes.c_size_t()
    if library().llamuxu_utf8_check(data, len(data), byref(tail)):
        return None
    return tail.value


class Stream(Handle):
    """Stream that turns pieces of bytes into whole characters; a context manager."""

    def __init__(self) -> None:
        self._lib = library()
        handle = self._lib.llamuxu_utf8_stream_new()
        if not handle:
            raise MemoryError
        super().__init__(handle, self._lib.llamuxu_utf8_stream_free)

    def push(self, data: bytes) -> bytes:
        """Feed bytes; return the characters that are whole."""
        out = ctypes.create_string_buffer(3 * (len(data) + 3))
        n = self._lib.llamuxu_utf8_stream_push(self.handle, data, len(data), out)
        return out.raw[:n]

    def end(self) -> bytes:
        """End the text; return U+FFFD for an unfinished character."""
        out = ctypes.create_string_buffer(3)
        n = self._lib.llamuxu_utf8_stream_end(self.handle, out)
        return out.raw[:n]

# SPDX-License-Identifier: GPL-2.0
"""The core's filter of stop texts."""

import ctypes
from collections.abc import Sequence
from functools import cache

from harness.core.library import library
from harness.core.session import STOP_BYTES, Options, Stops
from harness.host.errors import UsageError


class _State(ctypes.Structure):
    """struct llama_stop_filter."""

    _fields_ = (
        ("stops", Stops),
        ("n", ctypes.c_uint32),
        ("held", ctypes.c_char * STOP_BYTES),
    )


@cache
def _library() -> ctypes.CDLL:
    lib = library()
    text, size, state = ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(_State)
    lib.llama_stop_begin.argtypes = [state, ctypes.POINTER(Stops)]
    lib.llama_stop_push.argtypes = [state, text, size, text, ctypes.POINTER(ctypes.c_bool)]
    lib.llama_stop_push.restype = size
    lib.llama_stop_end.argtypes = [state, text]
    lib.llama_stop_end.restype = size
    return lib


class Filter:
    """Between an answer's bytes and its reader."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._lib = _library()
        self._state = _State()
        native = Options(stops=tuple(stops)).native()
        if self._lib.llama_stop_begin(self._state, native.stops):
            raise UsageError(f"a stop text has 1 to {STOP_BYTES} bytes")

    def push(self, data: bytes) -> tuple[bytes, bool]:
        """Feed bytes, get what may be read, and whether a stop text is complete."""
        out = ctypes.create_string_buffer(len(data) + STOP_BYTES)
        done = ctypes.c_bool()
        n = self._lib.llama_stop_push(self._state, data, len(data), out, done)
        return out.raw[:n], done.value

    def end(self) -> bytes:
        """The answer is over."""
        out = ctypes.create_string_buffer(STOP_BYTES)
        n = self._lib.llama_stop_end(self._state, out)
        return out.raw[:n]

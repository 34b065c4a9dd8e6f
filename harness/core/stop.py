# SPDX-License-Identifier: GPL-2.0
"""The core's filter of stop texts."""

import ctypes
from collections.abc import Sequence

from harness.core.declarations import STOP_BYTES, StopFilter
from harness.core.library import library
from harness.core.options import Options
from harness.host.errors import UsageError


class Filter:
    """Filter between an answer's bytes and its reader."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._lib = library()
        self._state = StopFilter()
        native = Options(stops=tuple(stops)).native()
        if self._lib.llama_stop_begin(self._state, native.stops):
            raise UsageError(f"a stop text has 1 to {STOP_BYTES} bytes")

    def push(self, data: bytes) -> tuple[bytes, bool]:
        """Feed bytes; return what may be read, and whether a stop text is complete."""
        out = ctypes.create_string_buffer(len(data) + STOP_BYTES)
        done = ctypes.c_bool()
        n = self._lib.llama_stop_push(self._state, data, len(data), out, done)
        return out.raw[:n], done.value

    def end(self) -> bytes:
        """End the answer; return the bytes that were held back."""
        out = ctypes.create_string_buffer(STOP_BYTES)
        n = self._lib.llama_stop_end(self._state, out)
        return out.raw[:n]

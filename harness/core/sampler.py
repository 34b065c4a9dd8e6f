# SPDX-License-Identifier: GPL-2.0
"""The core's sampler."""

import ctypes
import errno
import os
from functools import cache
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.core.library import library
from harness.host.errors import UsageError

ONE = 1 << 16
"""1 in Q16, the format of every ratio."""

_DIAG_BYTES = 200


@cache
def _library() -> ctypes.CDLL:
    lib = library()
    u32, u64, handle = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_void_p
    lib.llamuxu_sampler_new.argtypes = [u32, u32, u32, u32, u32, u64, ctypes.c_char_p]
    lib.llamuxu_sampler_new.restype = handle
    lib.llamuxu_sampler_free.argtypes = [handle]
    lib.llamuxu_sampler_free.restype = None
    lib.llamuxu_sampler_accept.argtypes = [handle, u32]
    lib.llamuxu_sampler_accept.restype = None
    lib.llamuxu_sampler_state.argtypes = [handle]
    lib.llamuxu_sampler_state.restype = u64
    lib.llamuxu_sampler_sample.argtypes = [handle, ctypes.c_void_p, u32, ctypes.c_void_p]
    lib.llamuxu_sampler_sample.restype = ctypes.c_long
    lib.llamuxu_parse_q16.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(u32)]
    return lib


def parse_q16(text: str) -> int:
    """A decimal such as "0.7" as Q16. UsageError where it is none, or not below 32768."""
    data = text.encode()
    value = ctypes.c_uint32()
    if _library().llamuxu_parse_q16(data, len(data), ctypes.byref(value)):
        raise UsageError(f"{text!r} is no decimal number below 32768, such as 0.7")
    return value.value


def pack_mask(allowed: ArrayLike) -> NDArray[np.uint64]:
    """(n_vocab,) booleans as the sampler's mask: bits, 64 to a word."""
    bits = np.packbits(np.asarray(allowed, dtype=bool), bitorder="little")
    padded = np.zeros(-(-len(bits) // 8) * 8, dtype=np.uint8)
    padded[: len(bits)] = bits
    return padded.view(np.uint64)


class Sampler:
    """One conversation's sampler; a context manager. All ratios in Q16.

    UsageError where a parameter is out of its range (docs/sampling.md).
    """

    def __init__(
        self,
        *,
        temperature: int = ONE,
        top_k: int = 0,
        top_p: int = ONE,
        min_p: int = 0,
        repeat_penalty: int = ONE,
        seed: int = 0,
    ) -> None:
        self._lib = _library()
        error = ctypes.create_string_buffer(_DIAG_BYTES)
        self._handle = self._lib.llamuxu_sampler_new(
            temperature, top_k, top_p, min_p, repeat_penalty, seed, error
        )
        if not self._handle:
            raise UsageError(error.value.decode() or os.strerror(errno.ENOMEM))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lib.llamuxu_sampler_free(self._handle)
        self._handle = None

    @property
    def state(self) -> int:
        """Of the generator."""
        return int(self._lib.llamuxu_sampler_state(self._handle))

    def accept(self, token: int) -> None:
        """Note a token of the prompt or of the answer."""
        self._lib.llamuxu_sampler_accept(self._handle, token)

    def sample(self, logits: ArrayLike, allowed: ArrayLike | None = None) -> int | None:
        """A token, not yet accepted; None where nothing is allowed.

        logits: (n_vocab,) Q16; allowed: (n_vocab,) booleans, all where None.
        """
        values = np.ascontiguousarray(logits, dtype=np.int32)
        mask = None if allowed is None else pack_mask(allowed)
        token = self._lib.llamuxu_sampler_sample(
            self._handle,
            values.ctypes.data,
            len(values),
            None if mask is None else mask.ctypes.data,
        )
        if token == -errno.ENOENT:
            return None
        if token < 0:
            raise OSError(-token, os.strerror(-token))
        return int(token)

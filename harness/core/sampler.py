# SPDX-License-Identifier: GPL-2.0
"""The core's sampler."""

import errno
import os
from ctypes import byref, c_uint32

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.core.declarations import Diag
from harness.core.library import Handle, library
from harness.host.errors import UsageError

ONE = 1 << 16
"""1 in Q16, the format of every ratio."""


def parse_q16(text: str) -> int:
    """Return a decimal such as "0.7" in Q16. UsageError if it is none, or not below 32768."""
    data = text.encode()
    value = c_uint32()
    if library().llamuxu_parse_q16(data, len(data), byref(value)):
        raise UsageError(f"{text!r} is no decimal number below 32768, such as 0.7")
    return value.value


def pack_mask(allowed: ArrayLike) -> NDArray[np.uint64]:
    """Return (n_vocab,) booleans as the sampler's mask of bits, 64 to a word."""
    bits = np.packbits(np.asarray(allowed, dtype=bool), bitorder="little")
    padded = np.zeros(-(-len(bits) // 8) * 8, dtype=np.uint8)
    padded[: len(bits)] = bits
    return padded.view(np.uint64)


class Sampler(Handle):
    """One conversation's sampler; a context manager. Ratios in Q16.

    UsageError if a parameter is out of its range (docs/sampling.md).
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
        self._lib = library()
        diag = Diag()
        handle = self._lib.llamuxu_sampler_new(
            temperature, top_k, top_p, min_p, repeat_penalty, seed, byref(diag)
        )
        if not handle:
            raise UsageError(str(diag) or os.strerror(errno.ENOMEM))
        super().__init__(handle, self._lib.llamuxu_sampler_free)

    @property
    def state(self) -> int:
        """State of the random generator."""
        return int(self._lib.llamuxu_sampler_state(self.handle))

    def accept(self, token: int) -> None:
        """Record a token of the prompt or of the answer."""
        self._lib.llamuxu_sampler_accept(self.handle, token)

    def sample(self, logits: ArrayLike, allowed: ArrayLike | None = None) -> int | None:
        """Return a token, not yet accepted, or None if no token is allowed.

        logits: (n_vocab,) Q16; allowed: (n_vocab,) booleans, or None if all tokens are.
        """
        values = np.ascontiguousarray(logits, dtype=np.int32)
        mask = None if allowed is None else pack_mask(allowed)
        token = self._lib.llamuxu_sampler_sample(
            self.handle,
            values.ctypes.data,
            len(values),
            None if mask is None else mask.ctypes.data,
        )
        if token == -errno.ENOENT:
            return None
        if token < 0:
            raise OSError(-token, os.strerror(-token))
        return int(token)

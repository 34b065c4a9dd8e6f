# SPDX-License-Identifier: GPL-2.0
"""The core's single operations on numpy arrays, for tests against the reference.

Each method calls the C function of that name; shapes and units are those of the core's headers.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import byref, c_int, c_int32, c_void_p

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.core.declarations import NativeConfidence
from harness.core.library import check, diagnosed, library

S64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

_BLOCK = 32


def _pointer(a: NDArray[np.generic]) -> int:
    if not a.flags.c_contiguous:
        raise ValueError("array is not contiguous")
    return a.ctypes.data


def _array(v: ArrayLike, dtype: type[np.generic]) -> NDArray[np.generic]:
    return np.ascontiguousarray(np.atleast_1d(np.asarray(v, dtype=dtype)))


class Weights:
    """A prepared matrix (n_out, n_in); see :meth:`Ops.weights`."""

    def __init__(self, lib: ctypes.CDLL, handle: c_void_p, n_in: int, n_out: int) -> None:
        self._lib, self._handle, self.n_in, self.n_out = lib, handle, n_in, n_out

    def embed(self, row: int) -> S64:
        """Return a row in Q32, (n_in,)."""
        y = np.zeros(self.n_in, dtype=np.int64)
        check(self._lib.llamuxu_weights_embed(self._handle, row, _pointer(y)))
        return y

    def mul(self, v: ArrayLike, e: ArrayLike, *, row0: int = 0, n_rows: int | None = None) -> S64:
        """Return rows from row0 on times quantize(v (t, n_in), e (t,)): (t, n_out), then zeros."""
        vectors = np.ascontiguousarray(np.asarray(v, dtype=np.int64).reshape(-1, self.n_in))
        exponents = _array(e, np.int32)
        y = np.zeros((vectors.shape[0], self.n_out), dtype=np.int64)
        check(
            self._lib.llamuxu_weights_mul(
                self._handle,
                row0,
                self.n_out - row0 if n_rows is None else n_rows,
                _pointer(vectors),
                _pointer(exponents),
                vectors.shape[0],
                _pointer(y),
            )
        )
        return y


class Ops:
    """The operations."""

    def __init__(self) -> None:
        self._lib = library()

    def _map(self, name: str, dtype: type[np.generic], *inputs: NDArray[np.generic]) -> S64:
        out = np.zeros(inputs[0].shape, dtype=dtype)
        getattr(self._lib, name)(*map(_pointer, inputs), out.size, _pointer(out))
        return out.astype(np.int64)

    def shift_round(self, v: ArrayLike, s: ArrayLike) -> S64:
        """Return round(v, s), element by element."""
        return self._map("llamuxu_shift_round", np.int64, _array(v, np.int64), _array(s, np.int32))

    def scale_to_q32(self, v: ArrayLike, e: ArrayLike) -> S64:
        """Return to_q32(v, e), element by element."""
        return self._map("llamuxu_scale_to_q32", np.int64, _array(v, np.int64), _array(e, np.int32))

    def exp2_neg(self, x: ArrayLike) -> S64:
        """Return 2^-x in Q30 for x in Q20."""
        return self._map("llamuxu_exp2_neg", np.int32, _array(x, np.uint64))

    def sigmoid_from_exp(self, e: ArrayLike) -> S64:
        """Return 1 / (1 + e) in Q30 for e in Q30."""
        return self._map("llamuxu_sigmoid_from_exp", np.int32, _array(e, np.int32))

    def isqrt(self, v: ArrayLike) -> S64:
        """Return the square roots of u64, rounded down."""
        return self._map("llamuxu_isqrt", np.uint32, _array(v, np.uint64))

    def sincos_turn(self, phase: ArrayLike) -> tuple[S64, S64]:
        """Return sines and cosines in Q30 of fractions of a turn."""
        p = _array(phase, np.uint64)
        sin, cos = np.zeros(p.shape, np.int32), np.zeros(p.shape, np.int32)
        self._lib.llamuxu_sincos_turn(_pointer(p), p.size, _pointer(sin), _pointer(cos))
        return sin.astype(np.int64), cos.astype(np.int64)

    def rope_frequency(self, base_bits: int, i: int, d: int) -> int:
        """Return turns per position; 2^64 is one turn."""
        return int(self._lib.llama_rope_frequency(base_bits, i, d))

    def turn_div_f32(self, turn: int, bits: int) -> int:
        """Return floor(turn / f), saturated."""
        return int(self._lib.llama_angle_div_f32(turn, bits))

    def parts(self, kind: str, bits: ArrayLike) -> tuple[S64, S64]:
        """Return mantissas and exponents of f32, f16 or bf16 bits.

        CoreError if a number is not finite.
        """
        b = _array(bits, np.uint32 if kind == "f32" else np.uint16)
        m, e = np.zeros(b.shape, np.int32), np.zeros(b.shape, np.int32)
        function = getattr(self._lib, f"llamuxu_{kind}_parts")
        check(function(_pointer(b), b.size, _pointer(m), _pointer(e)))
        return m.astype(np.int64), e.astype(np.int64)

    def float_align(self, kind: int, raw: U8, n: int, bits: int) -> tuple[S64, int]:
        """Return align() of n floats of a ggml type."""
        data, v, e = _array(raw, np.uint8), np.zeros(n, np.int64), c_int()
        check(
            self._lib.llama_float_align(
                kind, _pointer(data), n, bits, _pointer(v),
                byref(e),
            )
        )  # fmt: skip
        return v, e.value

    def quantize(self, v: ArrayLike, e: int) -> tuple[S64, S64, int]:
        """Call llama_bfp_quantize_into(): codes (n,), shifts (blocks,), exponent."""
        a = _array(v, np.int64)
        q, h = np.zeros(a.size, np.int16), np.zeros(-(-a.size // _BLOCK), np.uint8)
        exponent = self._lib.llama_bfp_quantize_into(
            _pointer(a), a.size, e, _pointer(q), _pointer(h)
        )
        return q.astype(np.int64), h.astype(np.int64), int(exponent)

    def quantize_vector(
        self, v: ArrayLike, e: int, *, token: int = 0, n_tokens: int = 1
    ) -> tuple[S64, S64, int]:
        """Call llama_bfp_quantize(): as :meth:`quantize`, with codes filled up to whole blocks."""
        a = _array(v, np.int64)
        n_blocks = -(-a.size // _BLOCK)
        q, h = np.zeros(n_blocks * _BLOCK, np.int16), np.zeros(n_blocks, np.uint8)
        exponent = c_int32()
        check(
            self._lib.llamuxu_bfp_quantize(
                _pointer(a), a.size, e, token, n_tokens,
                _pointer(q), _pointer(h), byref(exponent),
            )
        )  # fmt: skip
        return q.astype(np.int64), h.astype(np.int64), exponent.value

    def quantize1(self, v: ArrayLike, e: int) -> tuple[S64, int]:
        """Call llama_bfp_quantize1(): codes (n,) and the exponent."""
        a = _array(v, np.int64)
        q = np.zeros(a.size, np.int16)
        exponent = self._lib.llama_bfp_quantize1(_pointer(a), a.size, e, _pointer(q))
        return q.astype(np.int64), int(exponent)

    def normalize(self, v: ArrayLike) -> tuple[S64, int]:
        """Call llama_bfp_normalize(): (n,) and the shift."""
        a = _array(v, np.int64)
        out = np.zeros(a.size, np.int32)
        shift = self._lib.llama_bfp_normalize(_pointer(a), a.size, _pointer(out))
        return out.astype(np.int64), int(shift)

    def confidence(self, logits: ArrayLike, token: int) -> tuple[int, int]:
        """Return log-probability and margin of a token among ``logits`` (n_vocab,), all in Q16."""
        values, sums = _array(logits, np.int32), NativeConfidence()
        self._lib.llama_confidence_add(byref(sums), _pointer(values), values.size, token)
        assert sums.n == 1
        return sums.log_prob, sums.margin

    @contextmanager
    def weights(self, kind: int, raw: U8, n_in: int) -> Iterator[Weights]:
        """Prepare a matrix of a ggml type from (n_out, row bytes). CoreError if it is refused."""
        data = np.ascontiguousarray(raw)
        handle = c_void_p()
        diagnosed(
            *(self._lib.llamuxu_weights_open, kind, n_in, data.shape[0]),
            *(_pointer(data), data.size, byref(handle)),
        )
        try:
            yield Weights(self._lib, handle, n_in, data.shape[0])
        finally:
            self._lib.llamuxu_weights_close(handle)

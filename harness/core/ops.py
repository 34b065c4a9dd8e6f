# SPDX-License-Identifier: GPL-2.0
"""The core's single operations on numpy arrays, through harness/native/ops.c.

Each method is the C function of that name; shapes and units are those of the
core's headers. They exist so that tests can hold every operation against
:mod:`harness.reference.fixedpoint`.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.core.library import ISAS
from harness.host.errors import HarnessError

S64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

_BLOCK = 32


class Refused(HarnessError):
    """The core returned an error; ``errno`` is positive."""

    def __init__(self, errno: int, text: str = "") -> None:
        super().__init__(text or f"error {errno}")
        self.errno = errno


class _Confidence(ctypes.Structure):
    """struct llama_confidence."""

    _fields_ = (("n", c_uint32), ("log_prob", c_int64), ("margin", c_int64))


class _Diag(ctypes.Structure):
    _fields_ = (("text", ctypes.c_char * 200),)


def _pointer(a: NDArray[np.generic]) -> c_void_p:
    if not a.flags.c_contiguous:
        raise ValueError("array is not contiguous")
    return c_void_p(a.ctypes.data)


def _array(v: ArrayLike, dtype: type[np.generic]) -> NDArray[np.generic]:
    return np.ascontiguousarray(np.atleast_1d(np.asarray(v, dtype=dtype)))


def _check(err: int, text: str = "") -> None:
    if err:
        raise Refused(-err, text)


class Weights:
    """A prepared matrix (n_out, n_in); see :meth:`Ops.weights`."""

    def __init__(self, lib: ctypes.CDLL, handle: c_void_p, n_in: int, n_out: int) -> None:
        self._lib, self._handle, self.n_in, self.n_out = lib, handle, n_in, n_out

    def embed(self, row: int) -> S64:
        """Row as Q32: (n_in,)."""
        y = np.zeros(self.n_in, dtype=np.int64)
        _check(self._lib.llamuxu_weights_embed(self._handle, c_uint32(row), _pointer(y)))
        return y

    def mul(self, v: ArrayLike, e: ArrayLike, *, row0: int = 0, n_rows: int | None = None) -> S64:
        """Rows from row0 on times quantize(v (t, n_in), e (t,)): (t, n_out), zero after them."""
        vectors = np.ascontiguousarray(np.asarray(v, dtype=np.int64).reshape(-1, self.n_in))
        exponents = _array(e, np.int32)
        y = np.zeros((vectors.shape[0], self.n_out), dtype=np.int64)
        _check(
            self._lib.llamuxu_weights_mul(
                self._handle,
                c_uint32(row0),
                c_uint32(self.n_out - row0 if n_rows is None else n_rows),
                _pointer(vectors),
                _pointer(exponents),
                c_uint32(vectors.shape[0]),
                _pointer(y),
            )
        )
        return y


class Ops:
    """The operations of one built library."""

    def __init__(self, lib: ctypes.CDLL) -> None:
        self._lib = lib
        lib.llama_rope_frequency.restype = c_uint64
        lib.llama_angle_div_f32.restype = c_uint64

    def isas(self) -> list[str]:
        """The instruction sets that the library has and this machine can run."""
        if not hasattr(self._lib, "llama_path_select"):
            return ["generic"]
        usable = [name for name in ISAS if self._lib.llama_path_select(name.encode()) == 0]
        _check(self._lib.llama_path_select(None))
        return usable

    def select(self, isa: str) -> None:
        """Compute by one of :meth:`isas` from now on, in the whole process."""
        if hasattr(self._lib, "llama_path_select"):
            _check(self._lib.llama_path_select(isa.encode()))

    def _map(self, name: str, dtype: type[np.generic], *inputs: NDArray[np.generic]) -> S64:
        out = np.zeros(inputs[0].shape, dtype=dtype)
        getattr(self._lib, name)(*map(_pointer, inputs), c_size_t(out.size), _pointer(out))
        return out.astype(np.int64)

    def shift_round(self, v: ArrayLike, s: ArrayLike) -> S64:
        """round(v, s), element by element."""
        return self._map("llamuxu_shift_round", np.int64, _array(v, np.int64), _array(s, np.int32))

    def scale_to_q32(self, v: ArrayLike, e: ArrayLike) -> S64:
        """to_q32(v, e), element by element."""
        return self._map("llamuxu_scale_to_q32", np.int64, _array(v, np.int64), _array(e, np.int32))

    def exp2_neg(self, x: ArrayLike) -> S64:
        """Q30 of Q20."""
        return self._map("llamuxu_exp2_neg", np.int32, _array(x, np.uint64))

    def sigmoid_from_exp(self, e: ArrayLike) -> S64:
        """Q30 of Q30."""
        return self._map("llamuxu_sigmoid_from_exp", np.int32, _array(e, np.int32))

    def isqrt(self, v: ArrayLike) -> S64:
        """Of u64."""
        return self._map("llamuxu_isqrt", np.uint32, _array(v, np.uint64))

    def sincos_turn(self, phase: ArrayLike) -> tuple[S64, S64]:
        """Q30 of fractions of a turn."""
        p = _array(phase, np.uint64)
        sin, cos = np.zeros(p.shape, np.int32), np.zeros(p.shape, np.int32)
        self._lib.llamuxu_sincos_turn(_pointer(p), c_size_t(p.size), _pointer(sin), _pointer(cos))
        return sin.astype(np.int64), cos.astype(np.int64)

    def rope_frequency(self, base_bits: int, i: int, d: int) -> int:
        """Turns per position, 2^64 a turn."""
        return int(self._lib.llama_rope_frequency(c_uint32(base_bits), c_uint32(i), c_uint32(d)))

    def turn_div_f32(self, turn: int, bits: int) -> int:
        """floor(turn / f), saturated."""
        return int(self._lib.llama_angle_div_f32(c_uint64(turn), c_uint32(bits)))

    def parts(self, kind: str, bits: ArrayLike) -> tuple[S64, S64]:
        """kind: f32, f16 or bf16. Refused for what is not finite."""
        b = _array(bits, np.uint32 if kind == "f32" else np.uint16)
        m, e = np.zeros(b.shape, np.int32), np.zeros(b.shape, np.int32)
        function = getattr(self._lib, f"llamuxu_{kind}_parts")
        _check(function(_pointer(b), c_size_t(b.size), _pointer(m), _pointer(e)))
        return m.astype(np.int64), e.astype(np.int64)

    def float_align(self, kind: int, raw: U8, n: int, bits: int) -> tuple[S64, int]:
        """align() of n floats of a ggml type."""
        data, v, e = _array(raw, np.uint8), np.zeros(n, np.int64), c_int()
        _check(
            self._lib.llama_float_align(
                c_uint32(kind), _pointer(data), c_uint32(n), c_int(bits), _pointer(v),
                ctypes.byref(e),
            )
        )  # fmt: skip
        return v, e.value

    def quantize(self, v: ArrayLike, e: int) -> tuple[S64, S64, int]:
        """llama_bfp_quantize_into(): codes (n,), shifts (blocks,), exponent."""
        a = _array(v, np.int64)
        q, h = np.zeros(a.size, np.int16), np.zeros(-(-a.size // _BLOCK), np.uint8)
        exponent = self._lib.llama_bfp_quantize_into(
            _pointer(a), c_uint32(a.size), c_int(e), _pointer(q), _pointer(h)
        )
        return q.astype(np.int64), h.astype(np.int64), int(exponent)

    def quantize_vector(
        self, v: ArrayLike, e: int, *, token: int = 0, n_tokens: int = 1
    ) -> tuple[S64, S64, int]:
        """llama_bfp_quantize(): as :meth:`quantize`, the codes filled up to whole blocks."""
        a = _array(v, np.int64)
        n_blocks = -(-a.size // _BLOCK)
        q, h = np.zeros(n_blocks * _BLOCK, np.int16), np.zeros(n_blocks, np.uint8)
        exponent = c_int32()
        _check(
            self._lib.llamuxu_bfp_quantize(
                _pointer(a), c_uint32(a.size), c_int32(e), c_uint32(token), c_uint32(n_tokens),
                _pointer(q), _pointer(h), ctypes.byref(exponent),
            )
        )  # fmt: skip
        return q.astype(np.int64), h.astype(np.int64), exponent.value

    def quantize1(self, v: ArrayLike, e: int) -> tuple[S64, int]:
        """llama_bfp_quantize1(): codes (n,) and the exponent."""
        a = _array(v, np.int64)
        q = np.zeros(a.size, np.int16)
        exponent = self._lib.llama_bfp_quantize1(
            _pointer(a), c_uint32(a.size), c_int(e), _pointer(q)
        )
        return q.astype(np.int64), int(exponent)

    def normalize(self, v: ArrayLike) -> tuple[S64, int]:
        """llama_bfp_normalize(): (n,) and the shift."""
        a = _array(v, np.int64)
        out = np.zeros(a.size, np.int32)
        shift = self._lib.llama_bfp_normalize(_pointer(a), c_uint32(a.size), _pointer(out))
        return out.astype(np.int64), int(shift)

    def confidence(self, logits: ArrayLike, token: int) -> tuple[int, int]:
        """Log-probability and margin of one token among those with ``logits`` (n_vocab,) Q16."""
        values, sums = _array(logits, np.int32), _Confidence()
        self._lib.llama_confidence_add(
            ctypes.byref(sums), _pointer(values), c_uint32(values.size), c_uint32(token)
        )
        assert sums.n == 1
        return sums.log_prob, sums.margin

    @contextmanager
    def weights(self, kind: int, raw: U8, n_in: int) -> Iterator[Weights]:
        """Prepare a matrix of a ggml type from (n_out, row bytes)."""
        data = np.ascontiguousarray(raw)
        handle, diag = c_void_p(), _Diag()
        err = self._lib.llamuxu_weights_open(
            c_uint32(kind), c_uint32(n_in), c_uint32(data.shape[0]), _pointer(data),
            c_size_t(data.size), ctypes.byref(handle), ctypes.byref(diag),
        )  # fmt: skip
        _check(err, diag.text.decode())
        try:
            yield Weights(self._lib, handle, n_in, data.shape[0])
        finally:
            self._lib.llamuxu_weights_close(handle)

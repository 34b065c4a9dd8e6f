# SPDX-License-Identifier: GPL-2.0
"""The core's shared library: its ctypes declarations, errors and instruction sets."""

import ctypes
import os
from ctypes import c_char_p, c_int, c_long, c_size_t, c_uint32, c_uint64, c_void_p
from functools import cache

from harness.host.errors import HarnessError, UsageError
from harness.native.build import build_library


class CoreError(HarnessError):
    """The core refused something; ``errno`` is positive."""

    def __init__(self, errno: int, text: str) -> None:
        super().__init__(text or os.strerror(errno))
        self.errno = errno


class Diag(ctypes.Structure):
    """struct llama_diag."""

    _fields_ = (("text", ctypes.c_char * 200),)

    def __str__(self) -> str:
        return bytes(self.text).decode("ascii", "replace")


@cache
def library() -> ctypes.CDLL:
    """The loaded library, built if need be."""
    lib = ctypes.CDLL(str(build_library()))
    lib.llama_path_select.argtypes = [c_char_p]
    lib.llama_path_name.restype = c_char_p
    lib.llama_path_select(None)
    lib.llamuxu_model_open.argtypes = [c_void_p, c_uint64, c_void_p, c_void_p]
    lib.llamuxu_model_open.restype = c_void_p
    lib.llamuxu_model_close.argtypes = [c_void_p]
    lib.llamuxu_model_close.restype = None
    lib.llamuxu_model_vocab.argtypes = [c_void_p]
    lib.llamuxu_model_vocab.restype = c_void_p
    lib.llamuxu_model_facts.argtypes = [c_void_p, c_void_p]
    lib.llamuxu_model_facts.restype = None
    lib.llamuxu_session_open.argtypes = [c_void_p, c_uint32, c_uint32, c_uint32]
    lib.llamuxu_session_open.restype = c_void_p
    lib.llamuxu_session_close.argtypes = [c_void_p]
    lib.llamuxu_session_close.restype = None
    lib.llamuxu_forward.argtypes = [
        c_void_p,
        c_void_p,
        c_uint32,
        c_uint32,
        c_void_p,
        c_uint32,
    ]
    lib.llamuxu_prompt.argtypes = [c_void_p, c_void_p, c_char_p, c_uint32, c_void_p]
    lib.llamuxu_turn.argtypes = [c_void_p, c_void_p, c_char_p, c_size_t, c_size_t, c_void_p]
    lib.llamuxu_tokens.argtypes = [c_void_p, c_void_p]
    lib.llamuxu_tokens.restype = c_uint32
    lib.llamuxu_confidence.argtypes = [c_void_p, c_void_p]
    lib.llamuxu_confidence.restype = None
    lib.llamuxu_score_init.argtypes = [c_void_p, c_void_p]
    lib.llamuxu_score_begin.argtypes = [
        c_void_p,
        c_void_p,
        c_char_p,
        c_uint32,
        c_int,
        c_void_p,
    ]
    lib.llamuxu_score_step.argtypes = [c_void_p, c_void_p, c_void_p]
    lib.llamuxu_forget.argtypes = [c_void_p]
    lib.llamuxu_forget.restype = None
    lib.llamuxu_counts.argtypes = [c_void_p, c_void_p]
    lib.llamuxu_counts.restype = None
    lib.llamuxu_out_size.argtypes = [c_void_p]
    lib.llamuxu_out_size.restype = c_size_t
    lib.llamuxu_step.argtypes = [c_void_p, c_char_p, c_void_p]
    lib.llamuxu_step.restype = c_long
    return lib


ISAS = ("generic", "swar", "neon", "dotprod", "i8mm", "avx2", "avxvnni", "avx512")
"""Paths that multiply weights, the one that defines the result first."""


def select_isa(name: str | None) -> None:
    """Compute with the path ``name``, or the best one of this machine."""
    if library().llama_path_select(None if name is None else name.encode()):
        raise UsageError(
            f"this machine cannot compute with {name!r}: {', '.join(usable_isas())} work"
        )


def usable_isas() -> list[str]:
    """The paths that this machine can run."""
    now = library().llama_path_name()
    usable = [name for name in ISAS if not library().llama_path_select(name.encode())]
    library().llama_path_select(now)
    return usable

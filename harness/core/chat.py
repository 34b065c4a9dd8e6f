# SPDX-License-Identifier: GPL-2.0
"""The core's chat templates, over the vocabulary of a file."""

import ctypes
import mmap
import os
from collections.abc import Iterable
from ctypes import (
    POINTER,
    byref,
    c_char,
    c_char_p,
    c_int,
    c_long,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from functools import cache
from types import TracebackType
from typing import Self

from harness.core.library import CoreError, Diag, library
from harness.host.errors import UsageError

NAMES = ("none", "chatml", "zephyr", "llama-2", "llama-3")
"""Of the families, in the order of ``enum llama_chat_template``."""

BOS, SPECIAL, CONT = 1, 2, 4
"""Flags of llama_tokenize()."""


@cache
def _library() -> ctypes.CDLL:
    lib = library()
    lib.llamuxu_chat_open.argtypes = [c_void_p, c_uint64, POINTER(c_int), c_void_p]
    lib.llamuxu_chat_open.restype = c_void_p
    lib.llamuxu_chat_close.argtypes = [c_void_p]
    lib.llamuxu_chat_close.restype = None
    lib.llamuxu_chat_detect.argtypes = [c_void_p, POINTER(c_void_p), POINTER(c_uint32)]
    lib.llamuxu_chat_name.argtypes = [c_int]
    lib.llamuxu_chat_name.restype = c_char_p
    lib.llamuxu_chat_by_name.argtypes = [c_char_p]
    lib.llamuxu_chat_tokenize.argtypes = [
        c_void_p,
        c_int,
        c_char_p,
        c_uint32,
        c_char_p,
        c_uint32,
        c_int,
        c_void_p,
        c_size_t,
    ]
    lib.llamuxu_chat_tokenize.restype = c_long
    lib.llamuxu_chat_plain.argtypes = [
        c_void_p,
        c_char_p,
        c_size_t,
        c_uint32,
        c_void_p,
        c_size_t,
    ]
    lib.llamuxu_chat_plain.restype = c_long
    lib.llamuxu_chat_yields.argtypes = [c_void_p, c_char_p, c_size_t, c_uint32, c_void_p]
    lib.llamuxu_chat_yields.restype = c_long
    lib.llamuxu_chat_piece.argtypes = [c_void_p, c_uint32, c_char_p, c_size_t]
    lib.llamuxu_chat_is_control.argtypes = [c_void_p, c_uint32]
    lib.llamuxu_chat_strips_space.argtypes = [c_void_p]
    lib.llamuxu_chat_n_vocab.argtypes = [c_void_p]
    lib.llamuxu_chat_n_vocab.restype = c_uint32
    return lib


def name(family: int) -> str:
    """What a family is called."""
    return str(_library().llamuxu_chat_name(family).decode())


def by_name(text: str) -> int:
    """The family called so. UsageError where there is none."""
    family = _library().llamuxu_chat_by_name(text.encode())
    if family < 0:
        raise UsageError(f"no chat template is called {text!r}: choose from {', '.join(NAMES)}")
    return int(family)


class Chat:
    """The vocabulary and template of a GGUF image; a context manager.

    ``family`` is the template's; ``default_system`` the system prompt that it
    puts in by itself, or None. CoreError where the core refuses the file.
    """

    def __init__(self, image: bytes | mmap.mmap) -> None:
        self._lib = _library()
        # What the handle points into; a mapping can only be closed when this is gone.
        self._image = (
            image if isinstance(image, bytes) else (c_char * len(image)).from_buffer(image)
        )
        err, diag = c_int(), Diag()
        self._handle = self._lib.llamuxu_chat_open(self._image, len(image), byref(err), byref(diag))
        if not self._handle:
            self._image = b""
            raise CoreError(-err.value, str(diag))
        text, n = c_void_p(), c_uint32()
        self.family = int(self._lib.llamuxu_chat_detect(self._handle, byref(text), byref(n)))
        self.default_system = ctypes.string_at(text.value, n.value) if text.value else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lib.llamuxu_chat_close(self._handle)
        self._handle = None
        self._image = b""

    def turn(
        self,
        user: bytes,
        *,
        system: bytes | None = None,
        first: bool = True,
        family: int | None = None,
        room: int | None = None,
    ) -> list[int]:
        """Token ids of a turn with the head of the answer.

        ``room`` is the caller's: OSError (ENOSPC) where it is too small. Without it the
        ids have as much as llama_chat_bounds() says, which is always enough.
        """
        most = 4 * (len(user) + len(system or b"")) + 1000 if room is None else room
        ids = (c_uint32 * max(most, 1))()
        n = self._lib.llamuxu_chat_tokenize(
            self._handle,
            self.family if family is None else family,
            system,
            len(system or b""),
            user,
            len(user),
            first,
            ids,
            most,
        )
        return self._ids(ids, n)

    def plain(self, text: bytes, flags: int = 0) -> list[int]:
        """llama_tokenize() of a text."""
        most = 4 * len(text) + 100
        ids = (c_uint32 * most)()
        n = self._lib.llamuxu_chat_plain(self._handle, text, len(text), flags, ids, most)
        return self._ids(ids, n)

    def yields(self, text: bytes, stop_at: int = 0) -> tuple[int, int]:
        """How often llama_tokenize() calls its hook, and what it returns.

        The hook's call number ``stop_at`` asks it to stop with -EINTR.
        """
        calls = c_uint32()
        n = self._lib.llamuxu_chat_yields(self._handle, text, len(text), stop_at, byref(calls))
        return calls.value, int(n)

    def piece(self, token: int) -> bytes:
        """The bytes of a token, of a control token too."""
        out = ctypes.create_string_buffer(4096)
        n = self._lib.llamuxu_chat_piece(self._handle, token, out, len(out))
        if n < 0:
            raise OSError(-n, os.strerror(-n))
        return out.raw[:n]

    def text(self, tokens: Iterable[int]) -> bytes:
        """The text that ids stand for; the reverse of :meth:`plain` for whole texts."""
        joined = b"".join(self.piece(token) for token in tokens)
        if self._lib.llamuxu_chat_strips_space(self._handle) and joined.startswith(b" "):
            return joined[1:]
        return joined

    @property
    def n_vocab(self) -> int:
        """Number of tokens."""
        return int(self._lib.llamuxu_chat_n_vocab(self._handle))

    def is_control(self, token: int) -> bool:
        """Whether a token is a control token."""
        return bool(self._lib.llamuxu_chat_is_control(self._handle, token))

    @staticmethod
    def _ids(ids: "ctypes.Array[c_uint32]", n: int) -> list[int]:
        if n < 0:
            raise OSError(-n, os.strerror(-n))
        return list(ids[:n])

# SPDX-License-Identifier: GPL-2.0
"""The core's tokenizers and chat templates, over the vocabulary of a file."""

import ctypes
import mmap
import os
from collections.abc import Iterable
from ctypes import byref, c_char, c_uint32, c_void_p

from harness.core.library import Handle, address, library, opened
from harness.host.errors import UsageError

NAMES = ("none", "chatml", "zephyr", "llama-2", "llama-3")
"""Names of the families, in the order of ``enum llama_chat_template``."""

BOS, SPECIAL, CONT = 1, 2, 4
"""Flags of llama_tokenize()."""

_PIECE_BYTES = 4096


def name(family: int) -> str:
    """Return the name of a family."""
    return str(library().llamuxu_chat_name(family).decode())


def by_name(text: str) -> int:
    """Return the family of that name. UsageError if there is none."""
    family = library().llamuxu_chat_by_name(text.encode())
    if family < 0:
        raise UsageError(f"no chat template is called {text!r}: choose from {', '.join(NAMES)}")
    return int(family)


class Chat(Handle):
    """The vocabulary and template of a GGUF image; a context manager.

    ``family`` is the template's; ``default_system`` is the system prompt that the template puts
    in by itself, or None. CoreError if the core refuses the file.
    """

    def __init__(self, image: bytes | mmap.mmap) -> None:
        self._lib = library()
        # The handle points into this; a mapping can only be closed when nothing does.
        self._image = (
            image if isinstance(image, bytes) else (c_char * len(image)).from_buffer(image)
        )
        try:
            handle = opened(self._lib.llamuxu_chat_open, address(self._image), len(image))
        except Exception:
            self._image = b""
            raise
        super().__init__(handle, self._lib.llamuxu_chat_close)
        text, n = c_void_p(), c_uint32()
        self.family = int(self._lib.llamuxu_chat_detect(handle, byref(text), byref(n)))
        self.default_system = ctypes.string_at(text.value, n.value) if text.value else None

    def close(self) -> None:
        """Free the vocabulary and let go of the image."""
        super().close()
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
        """Return token ids of a user's text in the template, with the head of the answer.

        ``room`` is the number of ids that the caller takes: OSError (ENOSPC) if there are more.
        Without it there is always room enough.
        """
        most = 4 * (len(user) + len(system or b"")) + 1000 if room is None else room
        ids = (c_uint32 * max(most, 1))()
        n = self._lib.llamuxu_chat_tokenize(
            self.handle,
            self.family if family is None else family,
            system,
            len(system or b""),
            user,
            len(user),
            first,
            ids,
            most,
        )
        return list(ids[: _checked(n)])

    def plain(self, text: bytes, flags: int = 0) -> list[int]:
        """Return the token ids of a text: llama_tokenize()."""
        most = 4 * len(text) + 100
        ids = (c_uint32 * most)()
        n = self._lib.llamuxu_chat_plain(self.handle, text, len(text), flags, ids, most)
        return list(ids[: _checked(n)])

    def yields(self, text: bytes, stop_at: int = 0) -> tuple[int, int]:
        """Return how often llama_tokenize() calls its hook, and the result.

        The hook's call number ``stop_at`` stops the computation with -EINTR.
        """
        calls = c_uint32()
        n = self._lib.llamuxu_chat_yields(self.handle, text, len(text), stop_at, byref(calls))
        return calls.value, int(n)

    def piece(self, token: int) -> bytes:
        """Return the bytes of a token; a control token has some, too."""
        out = ctypes.create_string_buffer(_PIECE_BYTES)
        n = self._lib.llamuxu_chat_piece(self.handle, token, out, len(out))
        return out.raw[: _checked(n)]

    def text(self, tokens: Iterable[int]) -> bytes:
        """Return the text that ids stand for; reverses :meth:`plain` for whole texts."""
        joined = b"".join(self.piece(token) for token in tokens)
        if self._lib.llamuxu_chat_strips_space(self.handle) and joined.startswith(b" "):
            return joined[1:]
        return joined

    @property
    def n_vocab(self) -> int:
        """Number of tokens."""
        return int(self._lib.llamuxu_chat_n_vocab(self.handle))

    def is_control(self, token: int) -> bool:
        """Return whether a token is a control token."""
        return bool(self._lib.llamuxu_chat_is_control(self.handle, token))


def _checked(n: int) -> int:
    """Return a number of bytes or ids. OSError for -errno."""
    if n < 0:
        raise OSError(-n, os.strerror(-n))
    return n

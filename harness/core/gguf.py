# SPDX-License-Identifier: GPL-2.0
"""The core's GGUF parser, and loading a file as the module would."""

import ctypes
import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import POINTER, byref, c_bool, c_uint32, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness.core.declarations import LoadReport, NativeEntry, NativeTensor, Text
from harness.core.library import Handle, address, diagnosed, library

KV_CHUNK = 64
"""``LLAMA_KV_CHUNK``."""

STRING = 8
"""``GGUF_STRING``, the type of an element."""

T = TypeVar("T", c_uint32, c_bool, Text)


@dataclass(frozen=True)
class Entry:
    """A metadata entry; ``raw`` holds the bytes of its value, all elements together."""

    key: bytes
    kind: int
    element: int
    count: int
    raw: bytes
    strings: tuple[bytes, ...]


@dataclass(frozen=True)
class Tensor:
    """A tensor; ``offset`` counts from the start of the file."""

    name: bytes
    kind: int
    dims: tuple[int, ...]
    offset: int
    size: int


def _view(image: mmap.mmap) -> "ctypes.Array[ctypes.c_char]":
    return (ctypes.c_char * len(image)).from_buffer(image)


@contextmanager
def private_image(path: Path) -> Iterator[mmap.mmap | bytes]:
    """Map a file into memory, aligned to a page; writes to it do not reach the file."""
    if not path.stat().st_size:
        yield b""
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE) as image:
        yield image


class Gguf(Handle):
    """A parsed file; a context manager. CoreError if the parser refuses it."""

    def __init__(self, data: bytes | mmap.mmap, slack: int = 0) -> None:
        """``slack`` is added to the index memory that the parser asks for, in bytes."""
        self._lib = library()
        self._view = data if isinstance(data, bytes) else _view(data)
        handle = c_void_p()
        at = address(self._view)
        try:
            diagnosed(self._lib.llamuxu_gguf_open, at, len(data), slack, byref(handle))
        except Exception:
            self._view = b""  # a mapping closes only when nothing points into it
            raise
        super().__init__(handle.value, self._lib.llamuxu_gguf_close)
        self._head = self._lib.llamuxu_gguf_head(handle)

    def close(self) -> None:
        """Free the index and let go of the file."""
        super().close()
        self._view = b""

    def _entry(self, found: "ctypes._Pointer[NativeEntry]") -> Entry:
        e = found.contents
        strings: tuple[bytes, ...] = ()
        if e.elem_type == STRING:
            data = (c_void_p * e.count)()
            sizes = (c_uint32 * e.count)()
            n = self._lib.llamuxu_gguf_strings(found, data, sizes, e.count)
            strings = tuple(ctypes.string_at(data[i] or 0, sizes[i]) for i in range(n))
        return Entry(
            e.key.bytes(),
            e.type,
            e.elem_type,
            e.count,
            ctypes.string_at(e.data, e.size) if e.size else b"",
            strings,
        )

    @staticmethod
    def _tensor(found: "ctypes._Pointer[NativeTensor]") -> Tensor:
        t = found.contents
        return Tensor(t.name.bytes(), t.type, tuple(t.ne[: t.n_dims]), t.offset, t.size)

    def entries(self) -> Iterator[Entry]:
        """Yield the entries in file order."""
        i = 0
        while found := self._lib.llamuxu_gguf_kv(self.handle, i):
            yield self._entry(found)
            i += 1

    def tensors(self) -> Iterator[Tensor]:
        """Yield the tensors in file order."""
        i = 0
        while found := self._lib.llamuxu_gguf_tensor(self.handle, i):
            yield self._tensor(found)
            i += 1

    def find(self, key: str) -> Entry | None:
        """Return the entry of that key, or None."""
        found = self._lib.llama_gguf_find(self._head, key.encode())
        return self._entry(found) if found else None

    def find_tensor(self, name: str) -> Tensor | None:
        """Return the tensor of that name, or None."""
        found = self._lib.llama_gguf_find_tensor(self._head, name.encode())
        return self._tensor(found) if found else None

    def get_u32(self, key: str) -> int:
        """Return an integer of any type, if it fits into 32 bits."""
        return int(self._get(self._lib.llama_gguf_get_u32, key, c_uint32()).value)

    def get_f32_bits(self, key: str) -> int:
        """Return the bits of an IEEE-754 single."""
        return int(self._get(self._lib.llama_gguf_get_f32, key, c_uint32()).value)

    def get_bool(self, key: str) -> bool:
        """Return a truth value."""
        return bool(self._get(self._lib.llama_gguf_get_bool, key, c_bool()).value)

    def get_str(self, key: str) -> bytes:
        """Return the bytes of a string."""
        return self._get(self._lib.llama_gguf_get_str, key, Text()).bytes()

    def get_array(self, key: str, element: int) -> Entry:
        """Return an array whose elements have that type."""
        found = POINTER(NativeEntry)()
        diagnosed(self._lib.llama_gguf_get_array, self._head, key.encode(), element, byref(found))
        return self._entry(found)

    def _get(self, getter: Callable[..., int], key: str, value: T) -> T:
        diagnosed(getter, self._head, key.encode(), byref(value))
        return value


@dataclass(frozen=True)
class LoadVerdict:
    """Decision of the module about a file. Sizes in bytes."""

    errno: int
    """0 if the module takes the file."""
    why: str
    """Diagnosis, empty if the module takes the file."""
    file: int
    index: int
    """Memory of the index, needed only while loading."""
    arena: int
    """Memory besides the file's."""
    kv_per_position: int
    """Memory of the KV cache for each position of a conversation."""
    scratch: int
    """Memory of one running pass at the longest context."""
    n_params: int
    n_ctx_train: int
    n_vocab: int
    chat: str
    file_type: str


def load_check(path: Path) -> LoadVerdict:
    """Load a file into private memory by the calls that the module makes."""
    report = LoadReport()
    with private_image(path) as image:
        size = len(image)
        view = image if isinstance(image, bytes) else _view(image)
        err = library().llamuxu_load_check(view, size, byref(report))
        del view
    return LoadVerdict(
        errno=-err,
        why=str(report.diag),
        file=size,
        index=report.index_bytes,
        arena=report.arena_bytes,
        kv_per_position=report.kv_chunk_bytes // KV_CHUNK,
        scratch=report.scratch_bytes,
        n_params=report.n_params,
        n_ctx_train=report.n_ctx_train,
        n_vocab=report.n_vocab,
        chat=report.chat.decode(),
        file_type=report.file_type.decode(),
    )

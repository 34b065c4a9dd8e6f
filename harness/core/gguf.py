# SPDX-License-Identifier: GPL-2.0
"""The core's GGUF parser, and loading a file as the module would."""

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from harness.core.library import CoreError, Diag, library

KV_CHUNK = 64
"""``LLAMA_KV_CHUNK``."""


class _Str(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("len", ctypes.c_uint32))

    def bytes(self) -> bytes:
        return ctypes.string_at(self.data, self.len)


T = TypeVar("T", ctypes.c_uint32, ctypes.c_bool, _Str)


class _Entry(ctypes.Structure):
    _fields_ = (
        ("key", _Str),
        ("type", ctypes.c_uint32),
        ("elem_type", ctypes.c_uint32),
        ("count", ctypes.c_uint64),
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_uint64),
    )


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("name", _Str),
        ("type", ctypes.c_uint32),
        ("n_dims", ctypes.c_uint32),
        ("ne", ctypes.c_uint64 * 4),
        ("offset", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
    )


class _Report(ctypes.Structure):
    _fields_ = (
        ("index_bytes", ctypes.c_uint64),
        ("arena_bytes", ctypes.c_uint64),
        ("kv_chunk_bytes", ctypes.c_uint64),
        ("scratch_bytes", ctypes.c_uint64),
        ("n_params", ctypes.c_uint64),
        ("n_ctx_train", ctypes.c_uint32),
        ("n_vocab", ctypes.c_uint32),
        ("diag", Diag),
        ("chat", ctypes.c_char * 16),
        ("file_type", ctypes.c_char * 16),
    )


@dataclass(frozen=True)
class Entry:
    """One metadata entry: ``raw`` are its value's bytes, all elements together."""

    key: bytes
    kind: int
    element: int
    count: int
    raw: bytes
    strings: tuple[bytes, ...]


@dataclass(frozen=True)
class Tensor:
    """One tensor; ``offset`` counts from the start of the file."""

    name: bytes
    kind: int
    dims: tuple[int, ...]
    offset: int
    size: int


@cache
def _library() -> ctypes.CDLL:
    lib = library()
    ptr, u32, u64 = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64
    lib.llamuxu_gguf_open.argtypes = [
        ptr,
        u64,
        ctypes.c_int64,
        ctypes.POINTER(ptr),
        ctypes.POINTER(Diag),
    ]
    lib.llamuxu_gguf_close.argtypes = [ptr]
    lib.llamuxu_gguf_close.restype = None
    lib.llamuxu_gguf_head.argtypes = [ptr]
    lib.llamuxu_gguf_head.restype = ptr
    lib.llamuxu_gguf_kv.argtypes = [ptr, u32]
    lib.llamuxu_gguf_kv.restype = ctypes.POINTER(_Entry)
    lib.llamuxu_gguf_tensor.argtypes = [ptr, u32]
    lib.llamuxu_gguf_tensor.restype = ctypes.POINTER(_Tensor)
    lib.llamuxu_gguf_strings.argtypes = [ptr, ptr, ptr, u64]
    lib.llamuxu_gguf_strings.restype = u64
    lib.llama_gguf_find.argtypes = [ptr, ctypes.c_char_p]
    lib.llama_gguf_find.restype = ctypes.POINTER(_Entry)
    lib.llama_gguf_find_tensor.argtypes = [ptr, ctypes.c_char_p]
    lib.llama_gguf_find_tensor.restype = ctypes.POINTER(_Tensor)
    for name, value in (
        ("u32", ctypes.c_uint32),
        ("f32", ctypes.c_uint32),
        ("bool", ctypes.c_bool),
        ("str", _Str),
    ):
        getter = getattr(lib, f"llama_gguf_get_{name}")
        getter.argtypes = [ptr, ctypes.c_char_p, ctypes.POINTER(value), ctypes.POINTER(Diag)]
    lib.llama_gguf_get_array.argtypes = [
        ptr,
        ctypes.c_char_p,
        u32,
        ctypes.POINTER(ctypes.POINTER(_Entry)),
        ctypes.POINTER(Diag),
    ]
    lib.llamuxu_load_check.argtypes = [ptr, u64, ctypes.POINTER(_Report)]
    return lib


def _view(image: mmap.mmap) -> "ctypes.Array[ctypes.c_char]":
    return (ctypes.c_char * len(image)).from_buffer(image)


@contextmanager
def private_image(path: Path) -> Iterator[mmap.mmap | bytes]:
    """The file in memory, aligned to a page; what is written to it is lost."""
    if not path.stat().st_size:
        yield b""
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE) as image:
        yield image


class Gguf:
    """A parsed file; a context manager. CoreError where the parser refuses it."""

    def __init__(self, data: bytes | mmap.mmap, slack: int = 0) -> None:
        """``slack`` is added to the index memory that the parser asks for."""
        self._lib = _library()
        self._view = data if isinstance(data, bytes) else _view(data)
        self._handle = ctypes.c_void_p()
        diag = Diag()
        err = self._lib.llamuxu_gguf_open(
            self._view, len(data), slack, ctypes.byref(self._handle), ctypes.byref(diag)
        )
        if err:
            self._view = b""  # a mapping closes only when nothing points into it
            raise CoreError(-err, str(diag))
        self._head = self._lib.llamuxu_gguf_head(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lib.llamuxu_gguf_close(self._handle)
        self._view = b""

    def _entry(self, found: "ctypes._Pointer[_Entry]") -> Entry:
        e = found.contents
        strings: tuple[bytes, ...] = ()
        if e.elem_type == 8:
            data = (ctypes.c_void_p * e.count)()
            sizes = (ctypes.c_uint32 * e.count)()
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
    def _tensor(found: "ctypes._Pointer[_Tensor]") -> Tensor:
        t = found.contents
        return Tensor(t.name.bytes(), t.type, tuple(t.ne[: t.n_dims]), t.offset, t.size)

    def entries(self) -> Iterator[Entry]:
        """Every entry in file order."""
        i = 0
        while found := self._lib.llamuxu_gguf_kv(self._handle, i):
            yield self._entry(found)
            i += 1

    def tensors(self) -> Iterator[Tensor]:
        """Every tensor in file order."""
        i = 0
        while found := self._lib.llamuxu_gguf_tensor(self._handle, i):
            yield self._tensor(found)
            i += 1

    def find(self, key: str) -> Entry | None:
        """The entry called ``key``."""
        found = self._lib.llama_gguf_find(self._head, key.encode())
        return self._entry(found) if found else None

    def find_tensor(self, name: str) -> Tensor | None:
        """The tensor called ``name``."""
        found = self._lib.llama_gguf_find_tensor(self._head, name.encode())
        return self._tensor(found) if found else None

    def get_u32(self, key: str) -> int:
        """An integer of any type that fits."""
        return int(self._get("u32", key, ctypes.c_uint32()).value)

    def get_f32_bits(self, key: str) -> int:
        """The bits of an IEEE-754 single."""
        return int(self._get("f32", key, ctypes.c_uint32()).value)

    def get_bool(self, key: str) -> bool:
        """A truth value."""
        return bool(self._get("bool", key, ctypes.c_bool()).value)

    def get_str(self, key: str) -> bytes:
        """A string's bytes."""
        return self._get("str", key, _Str()).bytes()

    def get_array(self, key: str, element: int) -> Entry:
        """An array of elements of that type."""
        found = ctypes.POINTER(_Entry)()
        diag = Diag()
        err = self._lib.llama_gguf_get_array(
            self._head, key.encode(), element, ctypes.byref(found), ctypes.byref(diag)
        )
        if err:
            raise CoreError(-err, str(diag))
        return self._entry(found)

    def _get(self, kind: str, key: str, value: T) -> T:
        diag = Diag()
        getter = getattr(self._lib, f"llama_gguf_get_{kind}")
        err = getter(self._head, key.encode(), ctypes.byref(value), ctypes.byref(diag))
        if err:
            raise CoreError(-err, str(diag))
        return value


@dataclass(frozen=True)
class Verdict:
    """What the module would say to a file. Sizes in bytes.

    ``errno`` is 0 where it would take it; ``why`` is the diagnosis else.
    ``scratch`` is that of one running pass at the longest context.
    """

    errno: int
    why: str
    file: int
    index: int
    arena: int
    kv_per_position: int
    scratch: int
    n_params: int
    n_ctx_train: int
    n_vocab: int
    chat: str
    file_type: str


def load_check(path: Path) -> Verdict:
    """Load the file into private memory by the same calls as the module's."""
    report = _Report()
    with private_image(path) as image:
        size = len(image)
        view = image if isinstance(image, bytes) else _view(image)
        err = _library().llamuxu_load_check(view, size, ctypes.byref(report))
        del view
    return Verdict(
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

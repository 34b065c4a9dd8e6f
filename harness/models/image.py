# SPDX-License-Identifier: GPL-2.0
"""A GGUF file as its parts, to take apart, change and put together.

Unlike a proper writer this one writes whatever it is told, wrong lengths,
types and offsets included: :mod:`harness.models.malformed` breaks files with it.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum


class Value(IntEnum):
    """Types of metadata values."""

    U8 = 0
    I8 = 1
    U16 = 2
    I16 = 3
    U32 = 4
    I32 = 5
    F32 = 6
    BOOL = 7
    STRING = 8
    ARRAY = 9
    U64 = 10
    I64 = 11
    F64 = 12


CODES = {
    Value.U8: "B",
    Value.I8: "b",
    Value.U16: "H",
    Value.I16: "h",
    Value.U32: "I",
    Value.I32: "i",
    Value.F32: "f",
    Value.BOOL: "B",
    Value.U64: "Q",
    Value.I64: "q",
    Value.F64: "d",
}
""":mod:`struct` codes of the types of fixed size."""

Scalar = int | float | bytes


def u32(value: int) -> bytes:
    """Four bytes."""
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    """Eight bytes."""
    return struct.pack("<Q", value)


def string(text: bytes) -> bytes:
    """A length and the bytes."""
    return u64(len(text)) + text


def scalar(kind: int, value: Scalar) -> bytes:
    """One value without its type."""
    if kind == Value.STRING:
        assert isinstance(value, bytes)
        return string(value)
    return struct.pack("<" + CODES[Value(kind)], value)


def array(kind: int, values: Sequence[Scalar]) -> bytes:
    """An array without its own type: element type, count, elements."""
    return u32(kind) + u64(len(values)) + b"".join(scalar(kind, v) for v in values)


@dataclass
class Entry:
    """One metadata entry; ``raw`` is its value's bytes behind the type."""

    key: bytes
    kind: int
    raw: bytes


@dataclass
class Tensor:
    """One tensor; ``offset`` is relative to the data section."""

    name: bytes
    dims: list[int]
    kind: int
    offset: int
    data: bytes


@dataclass
class Image:
    """A whole file. The counts are those of the lists unless set."""

    version: int = 3
    entries: list[Entry] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    alignment: int = 32
    n_entries: int | None = None
    n_tensors: int | None = None

    def entry(self, key: str) -> Entry:
        """The entry called ``key``."""
        return next(e for e in self.entries if e.key == key.encode())

    def tensor(self, name: str) -> Tensor:
        """The tensor called ``name``."""
        return next(t for t in self.tensors if t.name == name.encode())

    def set(self, key: str, kind: int, value: Scalar) -> None:
        """Add or replace a scalar."""
        self.set_raw(key, kind, scalar(kind, value))

    def set_array(self, key: str, kind: int, values: Sequence[Scalar]) -> None:
        """Add or replace an array."""
        self.set_raw(key, Value.ARRAY, array(kind, values))

    def set_raw(self, key: str, kind: int, raw: bytes) -> None:
        """Add or replace a value given as bytes."""
        for e in self.entries:
            if e.key == key.encode():
                e.kind, e.raw = kind, raw
                return
        self.entries.append(Entry(key.encode(), kind, raw))

    def array(self, key: str) -> list[Scalar]:
        """The elements of an array."""
        raw = self.entry(key).raw
        kind, count = struct.unpack_from("<IQ", raw)
        if kind != Value.STRING:
            return list(struct.unpack_from(f"<{count}{CODES[Value(kind)]}", raw, 12))
        values: list[Scalar] = []
        at = 12
        for _ in range(count):
            (n,) = struct.unpack_from("<Q", raw, at)
            values.append(raw[at + 8 : at + 8 + n])
            at += 8 + n
        return values

    def add_tensor(self, name: str, dims: Sequence[int], kind: int, data: bytes) -> None:
        """Append a tensor behind the last one."""
        end = max((t.offset + len(t.data) for t in self.tensors), default=0)
        self.tensors.append(
            Tensor(
                name.encode(), list(dims), kind, -(-end // self.alignment) * self.alignment, data
            )
        )

    def place(self) -> None:
        """Give every tensor the next aligned offset."""
        tensors, self.tensors = self.tensors, []
        for t in tensors:
            self.add_tensor(t.name.decode(), t.dims, t.kind, t.data)

    def pieces(self) -> Iterator[bytes]:
        """The header, cut at every structural boundary."""
        yield b"GGUF"
        yield u32(self.version)
        yield u64(len(self.tensors) if self.n_tensors is None else self.n_tensors)
        yield u64(len(self.entries) if self.n_entries is None else self.n_entries)
        for e in self.entries:
            yield u64(len(e.key))
            yield e.key
            yield u32(e.kind)
            if e.kind == Value.ARRAY:
                yield e.raw[:4]
                yield e.raw[4:12]
                yield e.raw[12:]
            else:
                yield e.raw
        for t in self.tensors:
            yield u64(len(t.name))
            yield t.name
            yield u32(len(t.dims))
            for n in t.dims:
                yield u64(n)
            yield u32(t.kind)
            yield u64(t.offset)

    def header(self) -> bytes:
        """All in front of the data section's padding."""
        return b"".join(self.pieces())

    def bytes(self) -> bytes:
        """The file."""
        head = self.header()
        out = bytearray(head + bytes(-len(head) % self.alignment))
        start = len(out)
        for t in self.tensors:
            if t.offset > 1 << 32:  # beyond any file: there is nothing to write
                continue
            out.extend(bytes(max(0, start + t.offset - len(out))))
            out[start + t.offset : start + t.offset + len(t.data)] = t.data
        return bytes(out)

# SPDX-License-Identifier: GPL-2.0
"""Options of an answer, checked here and packed for the kernel."""

import ctypes
import sys
from dataclasses import Field, dataclass, field, fields
from typing import Any, Protocol, Self, TypeVar

from llamux import uapi
from llamux.errors import BadValueError

T = TypeVar("T")


def text_bytes(name: str, value: str, least: int = 0, most: int = sys.maxsize) -> bytes:
    """Return a text in UTF-8. Raises BadValueError if its number of bytes is out of range."""
    try:
        data = value.encode()
    except UnicodeEncodeError as error:
        raise BadValueError(f"{name} cannot be written in UTF-8: {error.reason}") from error
    if b"\0" in data:
        raise BadValueError(f"{name} must not have a NUL")
    if not least <= len(data) <= most:
        raise BadValueError(f"{name} must have {least} to {most} bytes, not {len(data)}")
    return data


class Kind(Protocol):
    """Type of an option's values, on a command line and in the kernel's structure."""

    word: type[str] | type[int] | type[float]
    """Type of a word of the command line."""

    def pack(self, name: str, value: Any, packed: uapi.IocOptions) -> None:
        """Write a value to the structure. Raises BadValueError for an invalid one."""

    def unpack(self, name: str, packed: uapi.IocOptions) -> Any:
        """Return the value from the structure."""


class _Ratio:
    """Fraction, in 65536ths in the structure; ``taken`` and ``text`` are its range."""

    word: type[str] | type[int] | type[float] = float

    def __init__(self, taken: range, text: str) -> None:
        self.taken = taken
        self.text = text

    def pack(self, name: str, value: Any, packed: uapi.IocOptions) -> None:
        # Infinity and NaN have no whole number.
        finite = isinstance(value, int | float) and 0 <= value <= self.taken.stop
        ratio = round(value * uapi.RATIO) if finite else -1
        if ratio not in self.taken:
            raise BadValueError(f"{name} must be {self.text}, not {value!r}")
        setattr(packed, name, ratio)

    def unpack(self, name: str, packed: uapi.IocOptions) -> float:
        ratio: int = getattr(packed, name)
        return ratio / uapi.RATIO


class _Number:
    """Whole number of a range."""

    word: type[str] | type[int] | type[float] = int

    def __init__(self, taken: range) -> None:
        self.taken = taken

    def pack(self, name: str, value: Any, packed: uapi.IocOptions) -> None:
        if not isinstance(value, int) or value not in self.taken:
            text = f"a whole number from {self.taken[0]} to {self.taken[-1]}"
            raise BadValueError(f"{name} must be {text}, not {value!r}")
        setattr(packed, name, value)

    def unpack(self, name: str, packed: uapi.IocOptions) -> int:
        value: int = getattr(packed, name)
        return value


class _Template:
    """One of the names of chat templates."""

    word: type[str] | type[int] | type[float] = str

    def pack(self, name: str, value: Any, packed: uapi.IocOptions) -> None:
        if value not in uapi.TEMPLATES:
            names = ", ".join(uapi.TEMPLATES)
            raise BadValueError(f"{name} must be one of {names}, not {value!r}")
        packed.chat_template = uapi.TEMPLATES.index(value) - 1

    def unpack(self, _: str, packed: uapi.IocOptions) -> str:
        return uapi.TEMPLATES[packed.chat_template + 1]


class _Stops:
    """Tuple of texts."""

    word: type[str] | type[int] | type[float] = str

    def pack(self, name: str, value: Any, packed: uapi.IocOptions) -> None:
        if len(value) > uapi.STOPS:
            raise BadValueError(f"{name} must have up to {uapi.STOPS} texts, not {len(value)}")
        packed.n_stops = len(value)
        for i, text in enumerate(value):
            data = text_bytes(name, text, 1, uapi.STOP_BYTES)
            packed.stop_bytes[i] = len(data)
            ctypes.memmove(packed.stops[i], data, len(data))

    def unpack(self, _: str, packed: uapi.IocOptions) -> tuple[str, ...]:
        data, first = bytes(packed), uapi.IocOptions.stops.offset
        return tuple(
            data[at : at + packed.stop_bytes[i]].decode()
            for i in range(packed.n_stops)
            for at in (first + i * uapi.STOP_BYTES,)
        )


class _System:
    """System prompt, or None for the model's own."""

    word: type[str] | type[int] | type[float] = str

    def pack(self, name: str, value: Any, packed: uapi.IocOptions) -> None:
        if value is None:
            packed.n_system = uapi.OWN_SYSTEM
            return
        data = text_bytes(name, value, 0, uapi.SYSTEM_BYTES)
        packed.n_system = len(data)
        ctypes.memmove(ctypes.byref(packed, uapi.IocOptions.system.offset), data, len(data))

    def unpack(self, _: str, packed: uapi.IocOptions) -> str | None:
        if packed.n_system == uapi.OWN_SYSTEM:
            return None
        at = uapi.IocOptions.system.offset
        return bytes(packed)[at : at + packed.n_system].decode()


class _Model:
    """Name of a model, empty for the default one."""

    word: type[str] | type[int] | type[float] = str

    def pack(self, name: str, value: Any, packed: uapi.IocOptions) -> None:
        packed.model = text_bytes(name, value, 0, uapi.MODEL_BYTES - 1)

    def unpack(self, _: str, packed: uapi.IocOptions) -> str:
        name: bytes = packed.model
        return name.decode()


def _option(default: T, kind: Kind, metavar: str, text: str) -> T:
    """Describe an option: its default, its kind, and its help on a command line."""
    described: T = field(default=default, metadata={"kind": kind, "metavar": metavar, "help": text})
    return described


def kind_of(option: "Field[Any]") -> Kind:
    """Return the kind of a field of Options."""
    kind: Kind = option.metadata["kind"]
    return kind


_U32 = 1 << 32


@dataclass(frozen=True)
class Options:
    """Options of an answer: the client's one table of them."""

    temperature: float = _option(
        0.0, _Ratio(range(16 * uapi.RATIO + 1), "from 0 to 16"), "T", "0 is greedy"
    )
    top_k: int = _option(0, _Number(range(_U32)), "K", "tokens to keep; 0 keeps all")
    top_p: float = _option(
        1.0, _Ratio(range(1, uapi.RATIO + 1), "above 0 and at most 1"), "P", "1 keeps all"
    )
    min_p: float = _option(0.0, _Ratio(range(uapi.RATIO + 1), "from 0 to 1"), "P", "0 keeps all")
    repeat_penalty: float = _option(
        1.0,
        _Ratio(range(uapi.RATIO // 2, 16 * uapi.RATIO + 1), "from 0.5 to 16"),
        "R",
        "1 is off",
    )
    seed: int = _option(0, _Number(range(1 << 64)), "N", "seed of the random numbers")
    max_tokens: int = _option(256, _Number(range(1, _U32)), "N", "most tokens of the answer")
    speculate: int = _option(7, _Number(range(8)), "N", "most tokens to guess ahead")
    template: str = _option(
        "auto", _Template(), "NAME", f"chat template: {', '.join(uapi.TEMPLATES)}"
    )
    stop: tuple[str, ...] = _option((), _Stops(), "TEXT", "end the answer at this text")
    system: str | None = _option(None, _System(), "TEXT", "system prompt")
    model: str = _option("", _Model(), "NAME", "a name from `llamux models`")

    def packed(self) -> uapi.IocOptions:
        """Return the structure for the kernel. Raises BadValueError for an invalid value."""
        packed = uapi.IocOptions()
        for option in fields(self):
            kind_of(option).pack(option.name, getattr(self, option.name), packed)
        return packed

    @classmethod
    def unpacked(cls, packed: uapi.IocOptions) -> Self:
        """Return the options of a structure from the kernel."""
        return cls(
            **{option.name: kind_of(option).unpack(option.name, packed) for option in fields(cls)}
        )

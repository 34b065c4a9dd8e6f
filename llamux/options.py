# SPDX-License-Identifier: GPL-2.0
"""Options of an answer: one table that checks them and packs them for the kernel.

To add an option, add a field to :class:`Options` and one to ``IocOptions`` in uapi.py. The command
line follows the table.
"""

import ctypes
import sys
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, Self

from llamux import uapi
from llamux.errors import BadValueError

_MAX_U32 = 0xFFFFFFFF
_MAX_U64 = 0xFFFFFFFFFFFFFFFF


def text_bytes(name: str, value: str, least: int = 0, most: int = sys.maxsize) -> bytes:
    """Return a text in UTF-8.

    Raises BadValueError if the text has a NUL, cannot be written in UTF-8, or has fewer than
    ``least`` or more than ``most`` bytes.
    """
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
    """Type of an option's values: how they are read, checked, packed and unpacked."""

    def read(self, word: str, /) -> Any:
        """Return the value of a word of the command line, or ValueError."""

    def pack(self, name: str, value: Any, to: uapi.IocOptions) -> None:
        """Write a value to the structure, or raise BadValueError."""

    def unpack(self, name: str, packed: uapi.IocOptions) -> Any:
        """Return the value in the structure."""


@dataclass(frozen=True)
class Ratio:
    """Fraction, which the kernel keeps in 65536ths, from ``least`` to ``most`` of them."""

    least: int
    most: int
    text: str
    """Both limits in words."""

    read = float

    def pack(self, name: str, value: float, to: uapi.IocOptions) -> None:
        # The first condition keeps infinity and NaN from round(), which has no number for them.
        finite = isinstance(value, int | float) and 0 <= value <= self.most
        ratio = round(value * uapi.RATIO) if finite else -1
        if not self.least <= ratio <= self.most:
            raise BadValueError(f"{name} must be {self.text}, not {value!r}")
        setattr(to, name, ratio)

    def unpack(self, name: str, packed: uapi.IocOptions) -> float:
        ratio: int = getattr(packed, name)
        return ratio / uapi.RATIO


@dataclass(frozen=True)
class Whole:
    """Whole number from ``least`` to ``most``."""

    least: int
    most: int

    read = int

    def pack(self, name: str, value: int, to: uapi.IocOptions) -> None:
        if not isinstance(value, int) or not self.least <= value <= self.most:
            text = f"a whole number from {self.least} to {self.most}"
            raise BadValueError(f"{name} must be {text}, not {value!r}")
        setattr(to, name, value)

    def unpack(self, name: str, packed: uapi.IocOptions) -> Any:
        return getattr(packed, name)


class Template:
    """Name of a chat template."""

    read = str

    def pack(self, name: str, value: str, to: uapi.IocOptions) -> None:
        if value not in uapi.TEMPLATES:
            names = ", ".join(uapi.TEMPLATES)
            raise BadValueError(f"{name} must be one of {names}, not {value!r}")
        to.chat_template = uapi.TEMPLATES.index(value) - 1

    def unpack(self, _: str, packed: uapi.IocOptions) -> str:
        return uapi.TEMPLATES[packed.chat_template + 1]


class Stops:
    """Texts, each of which ends the answer."""

    read = str

    def pack(self, name: str, value: tuple[str, ...], to: uapi.IocOptions) -> None:
        if len(value) > uapi.STOPS:
            raise BadValueError(f"{name} must have up to {uapi.STOPS} texts, not {len(value)}")
        for i, text in enumerate(value):
            data = text_bytes(name, text, 1, uapi.STOP_BYTES)
            to.stop_bytes[i] = len(data)
            to.stops[i].raw = data
        to.n_stops = len(value)

    def unpack(self, _: str, packed: uapi.IocOptions) -> tuple[str, ...]:
        used = range(packed.n_stops)
        return tuple(packed.stops[i].raw[: packed.stop_bytes[i]].decode() for i in used)


class System:
    """System prompt; None for the model's own."""

    read = str

    def pack(self, name: str, value: str | None, to: uapi.IocOptions) -> None:
        if value is None:
            to.n_system = uapi.OWN_SYSTEM
            return
        data = text_bytes(name, value, 0, uapi.SYSTEM_BYTES)
        to.system = data
        to.n_system = len(data)

    def unpack(self, _: str, packed: uapi.IocOptions) -> str | None:
        if packed.n_system == uapi.OWN_SYSTEM:
            return None
        # packed.system would end at a NUL.
        start = ctypes.addressof(packed) + uapi.IocOptions.system.offset
        return ctypes.string_at(start, packed.n_system).decode()


class Model:
    """Name of a model; "" for the default model."""

    read = str

    def pack(self, name: str, value: str, to: uapi.IocOptions) -> None:
        to.model = text_bytes(name, value, 0, uapi.MODEL_BYTES - 1)

    def unpack(self, _: str, packed: uapi.IocOptions) -> str:
        name: bytes = packed.model
        return name.decode()


@dataclass(frozen=True)
class Description:
    """Type of an option, and its line in the help of the command line."""

    kind: Kind
    metavar: str
    help: str


def _described(kind: Kind, metavar: str, help: str) -> dict[str, Description]:
    return {"description": Description(kind, metavar, help)}


@dataclass(frozen=True)
class Options:
    """Options of an answer. docs/procfs-abi.md describes them."""

    temperature: float = field(
        default=0.0,
        metadata=_described(
            Ratio(0, 16 * uapi.RATIO, "from 0 to 16"), "T", "randomness, 0 (greedy) to 16"
        ),
    )
    top_k: int = field(
        default=0,
        metadata=_described(
            Whole(0, _MAX_U32), "K", "number of most probable tokens to choose from; 0 keeps all"
        ),
    )
    top_p: float = field(
        default=1.0,
        metadata=_described(
            Ratio(1, uapi.RATIO, "above 0 and at most 1"),
            "P",
            "probability of the tokens to choose from; 1 keeps all",
        ),
    )
    min_p: float = field(
        default=0.0,
        metadata=_described(
            Ratio(0, uapi.RATIO, "from 0 to 1"),
            "P",
            "least probability, relative to the most probable token; 0 keeps all",
        ),
    )
    repeat_penalty: float = field(
        default=1.0,
        metadata=_described(
            Ratio(uapi.RATIO // 2, 16 * uapi.RATIO, "from 0.5 to 16"),
            "R",
            "penalty on recent tokens, 0.5 to 16; 1 is off",
        ),
    )
    seed: int = field(
        default=0, metadata=_described(Whole(0, _MAX_U64), "N", "seed of the random numbers")
    )
    max_tokens: int = field(
        default=256,
        metadata=_described(Whole(1, _MAX_U32), "N", "maximum number of tokens of the answer"),
    )
    speculate: int = field(
        default=7,
        metadata=_described(Whole(0, 7), "N", "maximum number of draft tokens per pass, 0 to 7"),
    )
    template: str = field(
        default="auto",
        metadata=_described(
            Template(), "NAME", f"chat template: {', '.join(uapi.TEMPLATES)} (auto: the model's)"
        ),
    )
    stop: tuple[str, ...] = field(
        default=(),
        metadata=_described(Stops(), "TEXT", "text that ends the answer; may be given 4 times"),
    )
    system: str | None = field(default=None, metadata=_described(System(), "TEXT", "system prompt"))
    model: str = field(
        default="", metadata=_described(Model(), "NAME", "name of a model: see `llamux models`")
    )

    def packed(self) -> uapi.IocOptions:
        """Return the structure for the kernel, or raise BadValueError for a value out of range."""
        packed = uapi.IocOptions()
        for name, option in DESCRIPTIONS.items():
            option.kind.pack(name, getattr(self, name), packed)
        return packed

    @classmethod
    def unpacked(cls, packed: uapi.IocOptions) -> Self:
        """Return the options of a structure that the kernel has written."""
        return cls(
            **{name: option.kind.unpack(name, packed) for name, option in DESCRIPTIONS.items()}
        )


DESCRIPTIONS: dict[str, Description] = {
    option.name: option.metadata["description"] for option in fields(Options)
}
"""Description of each option, by its name."""

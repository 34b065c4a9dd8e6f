# SPDX-License-Identifier: GPL-2.0
"""Options of an answer, checked here and packed for the kernel."""

import ctypes
import sys
from dataclasses import dataclass
from typing import Self

from llamux import uapi
from llamux.errors import BadValueError

_RATIOS = {
    "temperature": (range(16 * uapi.RATIO + 1), "from 0 to 16"),
    "top_p": (range(1, uapi.RATIO + 1), "above 0 and at most 1"),
    "min_p": (range(uapi.RATIO + 1), "from 0 to 1"),
    "repeat_penalty": (range(uapi.RATIO // 2, 16 * uapi.RATIO + 1), "from 0.5 to 16"),
}
"""In 65536ths."""
_NUMBERS = {
    "top_k": range(1 << 32),
    "max_tokens": range(1, 1 << 32),
    "seed": range(1 << 64),
    "speculate": range(8),
}


def _ratio(name: str, value: float) -> int:
    """In 65536ths."""
    taken, text = _RATIOS[name]
    # Infinity and NaN have no whole number.
    finite = isinstance(value, int | float) and 0 <= value <= taken.stop
    ratio = round(value * uapi.RATIO) if finite else -1
    if ratio not in taken:
        raise BadValueError(f"{name} must be {text}, not {value!r}")
    return ratio


def _number(name: str, value: int) -> int:
    taken = _NUMBERS[name]
    if not isinstance(value, int) or value not in taken:
        text = f"a whole number from {taken[0]} to {taken[-1]}"
        raise BadValueError(f"{name} must be {text}, not {value!r}")
    return value


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


@dataclass(frozen=True)
class Options:
    """Options of an answer; docs/procfs-abi.md lists the ranges."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    seed: int = 0
    max_tokens: int = 256
    speculate: int = 7
    template: str = "auto"
    stop: tuple[str, ...] = ()
    system: str | None = None
    model: str = ""

    def packed(self) -> uapi.IocOptions:
        """Return the structure for the kernel. Raises BadValueError for an invalid value."""
        if len(self.stop) > uapi.STOPS:
            raise BadValueError(f"stop must have up to {uapi.STOPS} texts, not {len(self.stop)}")
        if self.template not in uapi.TEMPLATES:
            names = ", ".join(uapi.TEMPLATES)
            raise BadValueError(f"template must be one of {names}, not {self.template!r}")
        stops = [text_bytes("stop", text, 1, uapi.STOP_BYTES) for text in self.stop]
        system = (
            None if self.system is None else text_bytes("system", self.system, 0, uapi.SYSTEM_BYTES)
        )
        packed = uapi.IocOptions(
            **{name: _ratio(name, getattr(self, name)) for name in _RATIOS},
            **{name: _number(name, getattr(self, name)) for name in _NUMBERS},
            chat_template=uapi.TEMPLATES.index(self.template) - 1,
            n_stops=len(stops),
            n_system=uapi.OWN_SYSTEM if system is None else len(system),
            model=text_bytes("model", self.model, 0, uapi.MODEL_BYTES - 1),
        )
        for i, text in enumerate(stops):
            packed.stop_bytes[i] = len(text)
            ctypes.memmove(packed.stops[i], text, len(text))
        if system:
            ctypes.memmove(ctypes.byref(packed, uapi.IocOptions.system.offset), system, len(system))
        return packed

    @classmethod
    def unpacked(cls, packed: uapi.IocOptions) -> Self:
        """Return the options of a structure from the kernel."""
        data = bytes(packed)
        stops = [
            data[at : at + n].decode()
            for at, n in zip(
                range(uapi.IocOptions.stops.offset, len(data), uapi.STOP_BYTES),
                packed.stop_bytes[: packed.n_stops],
                strict=False,
            )
        ]
        at = uapi.IocOptions.system.offset
        own = packed.n_system == uapi.OWN_SYSTEM
        return cls(
            temperature=packed.temperature / uapi.RATIO,
            top_k=packed.top_k,
            top_p=packed.top_p / uapi.RATIO,
            min_p=packed.min_p / uapi.RATIO,
            repeat_penalty=packed.repeat_penalty / uapi.RATIO,
            seed=packed.seed,
            max_tokens=packed.max_tokens,
            speculate=packed.speculate,
            template=uapi.TEMPLATES[packed.chat_template + 1],
            stop=tuple(stops),
            system=None if own else data[at : at + packed.n_system].decode(),
            model=packed.model.decode(),
        )

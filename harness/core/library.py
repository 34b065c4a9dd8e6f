# SPDX-License-Identifier: GPL-2.0
"""The core's shared library: loading it, its errors, and the paths that multiply weights."""

import ctypes
import os
from collections.abc import Callable
from ctypes import byref, c_int
from functools import cache
from types import TracebackType
from typing import Any, Self

from harness.core.declarations import Diag, declare
from harness.host.errors import HarnessError, UsageError
from harness.native.build import build_library

ISAS = ("generic", "swar", "neon", "dotprod", "i8mm", "avx2", "avxvnni", "avx512")
"""Paths that multiply weights; the first one defines the result."""


class CoreError(HarnessError):
    """Error of the core; ``errno`` is positive."""

    def __init__(self, errno: int, text: str = "") -> None:
        super().__init__(text or os.strerror(errno))
        self.errno = errno


@cache
def library() -> ctypes.CDLL:
    """Return the loaded library, built if need be."""
    lib = ctypes.CDLL(str(build_library()))
    declare(lib)
    lib.llama_path_select(None)
    return lib


def check(result: int, text: str = "") -> int:
    """Return a result that is not negative. CoreError with ``text`` for -errno."""
    if result < 0:
        raise CoreError(-result, text)
    return result


def diagnosed(function: Callable[..., int], *arguments: Any) -> None:
    """Call a function whose last argument is a diagnosis. CoreError with it on failure."""
    diag = Diag()
    check(function(*arguments, byref(diag)), str(diag))


class Handle:
    """An object of the library, closed at the end of a ``with`` statement or by :meth:`close`."""

    def __init__(self, handle: int | None, close: Callable[[int], None]) -> None:
        self.handle = handle
        self._close = close

    def close(self) -> None:
        """Free the object; once is enough."""
        if self.handle:
            self._close(self.handle)
            self.handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def opened(function: Callable[..., int | None], *arguments: Any, context: str = "") -> int:
    """Call a function that opens something; its last arguments are an error and a diagnosis.

    Return the handle. CoreError with ``context`` and the diagnosis on failure.
    """
    err, diag = c_int(), Diag()
    handle = function(*arguments, byref(err), byref(diag))
    if not handle:
        raise CoreError(-err.value, f"{context}{diag}")
    return handle


def address(data: "bytes | ctypes.Array[ctypes.c_char]") -> bytes | int:
    """Return data as a pointer argument that holds no reference to a mapping.

    The frames of an exception would keep the mapping open otherwise.
    """
    return data if isinstance(data, bytes) else ctypes.addressof(data)


def path_name() -> str:
    """Return the name of the path in use."""
    return str(library().llama_path_name().decode())


def select_isa(name: str | None) -> None:
    """Compute with the path ``name``, or with the best one of this machine.

    UsageError if this machine cannot run the path.
    """
    if library().llama_path_select(None if name is None else name.encode()):
        raise UsageError(
            f"this machine cannot compute with {name!r}: {', '.join(usable_isas())} work"
        )


def usable_isas() -> list[str]:
    """Return the paths that this machine can run, in the order of :data:`ISAS`."""
    now = library().llama_path_name()
    usable = [name for name in ISAS if not library().llama_path_select(name.encode())]
    library().llama_path_select(now)
    return usable

# SPDX-License-Identifier: GPL-2.0
"""Frozen dataclasses read back from JSON, with every value's type checked."""

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_SCALARS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def read(kind: type[T], value: object, where: str = "") -> T:
    """Return the dataclass ``kind`` made from decoded JSON.

    Fields are scalars, other dataclasses, tuples, dictionaries with texts as keys, and any of
    these or None. ValueError with the place, such as ``rows[2].median``, if a field without a
    default is missing, if one is unknown, or if a value is of another type.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"{where or 'the whole'} is not an object")
    prefix = f"{where}." if where else ""
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in value:
        if name not in fields:
            raise ValueError(f"{prefix}{name} is unknown")
    for name, field in fields.items():
        required = field.default is field.default_factory is dataclasses.MISSING
        if required and name not in value:
            raise ValueError(f"{prefix}{name} is missing")
    return kind(**{name: _read(hints[name], v, f"{prefix}{name}") for name, v in value.items()})


def _read(hint: Any, value: object, where: str) -> Any:
    """Return a value of a type. ValueError if it is of another one."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return None if value is None else _read(arguments[0], value, where)
    if origin is tuple:
        return _read_tuple(arguments, value, where)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ValueError(f"{where} is not an object")
        return {str(key): _read(arguments[1], v, f"{where}.{key}") for key, v in value.items()}
    if dataclasses.is_dataclass(hint):
        return read(hint, value, where)  # type: ignore[arg-type]
    wanted = (int, float) if hint is float else hint
    if not isinstance(value, wanted) or (isinstance(value, bool) and hint is not bool):
        raise ValueError(f"{where} is not {_SCALARS[hint]}")
    return value


def _read_tuple(arguments: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where} is not a list")
    if arguments[-1] is ...:
        arguments = (arguments[0],) * len(value)
    if len(value) != len(arguments):
        raise ValueError(f"{where} has {len(value)} elements, not {len(arguments)}")
    pairs = zip(arguments, value, strict=True)
    return tuple(_read(kind, v, f"{where}[{i}]") for i, (kind, v) in enumerate(pairs))

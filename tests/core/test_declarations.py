# SPDX-License-Identifier: GPL-2.0
"""Check the ctypes declarations against the library's debugging information."""

import ctypes
from collections.abc import Iterator

import pytest
from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

from harness.core.declarations import FUNCTIONS, STRUCTURES
from harness.native.build import build_library


@pytest.fixture(scope="module")
def found() -> Iterator[dict[tuple[str, str], DIE]]:
    """Return the definitions of the library's functions and structures, by tag and name."""
    with build_library().open("rb") as file:
        entries: dict[tuple[str, str], DIE] = {}
        for unit in ELFFile(file).get_dwarf_info().iter_CUs():
            entries.update(definitions(unit))
        yield entries


def definitions(unit: CompileUnit) -> Iterator[tuple[tuple[str, str], DIE]]:
    """Yield the functions and structures that a compilation unit defines."""
    for die in unit.get_top_DIE().iter_children():
        name = die.attributes.get("DW_AT_name")
        whole = "DW_AT_declaration" not in die.attributes
        kind = str(die.tag).removeprefix("DW_TAG_")
        if name and whole and kind in ("subprogram", "structure_type"):
            yield (kind, name.value.decode()), die


def size(die: DIE | None) -> int:
    """Return the size in bytes of an entry's type, or 0 if it has none."""
    while die is not None:
        if "DW_AT_byte_size" in die.attributes:
            return int(die.attributes["DW_AT_byte_size"].value)
        if "DW_AT_type" not in die.attributes:
            return 0
        die = die.get_DIE_from_attribute("DW_AT_type")
    return 0


def pointer(die: DIE) -> bool:
    """Return whether an entry's type is a pointer."""
    while "DW_AT_type" in die.attributes:
        die = die.get_DIE_from_attribute("DW_AT_type")
        if die.tag == "DW_TAG_pointer_type":
            return True
        if die.tag not in ("DW_TAG_typedef", "DW_TAG_const_type"):
            return False
    return False


def shape(kind: object) -> tuple[int, bool]:
    """Return the size of a declared type, and whether it is a pointer."""
    if kind is None:
        return 0, False
    assert isinstance(kind, type)
    address = issubclass(kind, ctypes.c_void_p | ctypes.c_char_p | ctypes._Pointer)
    return ctypes.sizeof(kind), address


@pytest.mark.parametrize("name", STRUCTURES)
def test_structure(name: str, found: dict[tuple[str, str], DIE]) -> None:
    kind, die = STRUCTURES[name], found["structure_type", name]
    members = [m for m in die.iter_children() if m.tag == "DW_TAG_member"]
    declared = [(f[0], getattr(kind, f[0]).offset) for f in kind._fields_]
    assert declared == [
        (
            m.attributes["DW_AT_name"].value.decode(),
            m.attributes["DW_AT_data_member_location"].value,
        )
        for m in members
    ]
    assert ctypes.sizeof(kind) == size(die)


def test_functions(found: dict[tuple[str, str], DIE]) -> None:
    """Check the sizes of results and arguments, and whether they are pointers."""
    for name, (result, *arguments) in FUNCTIONS.items():
        die = found["subprogram", name]
        parameters = [p for p in die.iter_children() if p.tag == "DW_TAG_formal_parameter"]
        given = die.get_DIE_from_attribute("DW_AT_type") if "DW_AT_type" in die.attributes else None
        assert (size(given), pointer(die)) == shape(result), name
        assert [(size(p), pointer(p)) for p in parameters] == [shape(a) for a in arguments], name


def test_every_wrapper_is_declared(found: dict[tuple[str, str], DIE]) -> None:
    wrappers = {name for kind, name in found if kind == "subprogram" and name[:8] == "llamuxu_"}
    of_c_alone = {"llamuxu_alloc"}
    assert wrappers - of_c_alone == {name for name in FUNCTIONS if name[:8] == "llamuxu_"}

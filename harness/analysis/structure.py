# SPDX-License-Identifier: GPL-2.0
"""Rooms of a source tree and the arrows between them, counted from imports and includes.

A room is a folder. An arrow runs from a room to another room that it imports or includes.
The level of a room is the length of the longest path of arrows below it; rooms that reach
each other form a circle and share a level.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)

Arrows = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Structure:
    """Rooms, with the rooms that each one uses."""

    name: str
    arrows: Arrows
    files: int
    references: int
    """Imports or includes of a file by another file of the tree."""

    @property
    def n_arrows(self) -> int:
        """Number of pairs of rooms of which the first uses the second."""
        return sum(len(below) for below in self.arrows.values())

    @property
    def circles(self) -> list[frozenset[str]]:
        """Groups of two rooms or more that reach each other."""
        return [group for group in _components(self.arrows) if len(group) > 1]

    @property
    def levels(self) -> dict[str, int]:
        """Level of each room, 0 for a room that uses no other."""
        level: dict[str, int] = {}
        for group in _components(self.arrows):  # each group comes after all that it uses
            below = {room for member in group for room in self.arrows[member]} - group
            for member in group:
                level[member] = 1 + max((level[room] for room in below), default=-1)
        return level


def python(root: Path, package: str) -> Structure:
    """Return the structure of a package's folders, from its absolute imports."""
    folder = root / package
    files = {_module(root, path): path for path in folder.rglob("*.py")}
    uses = {name: set(_imports(path, files)) for name, path in files.items()}
    rooms = {name: str(path.parent.relative_to(root)) for name, path in files.items()}
    return _structure(package, uses, rooms)


def c(root: Path, tree: str, include: Iterable[str] = ()) -> Structure:
    """Return the structure of a tree of C files, from its quoted includes.

    `include` names folders below `root` that the compiler searches, too.
    """
    paths = [path for path in (root / tree).rglob("*") if path.suffix in (".c", ".h", ".S")]
    files = {str(path.relative_to(root)): path for path in paths}
    uses: dict[str, set[str]] = {}
    for name, path in files.items():
        places = [path.parent, *(root / folder for folder in include)]
        found = set()
        for quoted in _INCLUDE.findall(path.read_text()):
            resolved = (str((place / quoted).resolve()) for place in places)
            inside = (str(Path(p).relative_to(root)) for p in resolved if p.startswith(f"{root}/"))
            target = next((p for p in inside if p in files), None)
            if target:
                found.add(target)
        uses[name] = found
    return _structure(tree, uses, {name: str(Path(name).parent) for name in files})


def _module(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from [name for name in (inner, node.module) if name in known][:1]


def _structure(name: str, uses: Mapping[str, set[str]], rooms: Mapping[str, str]) -> Structure:
    arrows: dict[str, set[str]] = {room: set() for room in rooms.values()}
    for user, used in uses.items():
        arrows[rooms[user]] |= {rooms[other] for other in used} - {rooms[user]}
    references = sum(len(used - {user}) for user, used in uses.items())
    frozen = {room: frozenset(below) for room, below in sorted(arrows.items())}
    return Structure(name, frozen, len(rooms), references)


def _components(arrows: Arrows) -> list[frozenset[str]]:
    """Return groups of rooms that reach each other, a group after all groups that it uses."""
    reach: dict[str, set[str]] = {room: {room, *below} for room, below in arrows.items()}
    for middle in arrows:
        for room in arrows:
            if middle in reach[room]:
                reach[room] |= reach[middle]
    groups = {frozenset(r for r in reach[room] if room in reach[r]) for room in arrows}
    return sorted(groups, key=lambda group: (len(reach[min(group)]), min(group)))


def project(root: Path) -> list[Structure]:
    """Return the structures of the repository: the harness, the client and the module."""
    return [
        python(root, "harness"),
        python(root, "llamux"),
        c(root, "kmod", ("kmod", "kmod/ggml_kernel", "kmod/include")),
    ]

# SPDX-License-Identifier: GPL-2.0
"""Rules for every file in the repository."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import codegen
from harness.cli import main
from harness.host.paths import ROOT
from tests.support.tracked import tracked

SOURCES = {".py", ".c", ".h", ".S", ".sh", ".j2", ".toml", ".yml", ".config", ".patch"}
DATA = (".md", ".png", ".json", ".txt", ".dict", ".gitignore", "py.typed", ".lock")
LICENSE = "GPL-2.0"
LARGEST = 1_000_000
"""Bytes."""

# Folders of one machine. Paths inside a guest, /tmp and the kernel's trees are everyone's.
MACHINE = re.compile(rb"(?<![\w.~$}*)-])/(?:work|root|Users|home/\w+|opt|mnt|media)/\w")


def is_source(path: Path) -> bool:
    """Program text: by its suffix, its name, or its first line."""
    if path.suffix in SOURCES or path.name in ("Makefile", "Kbuild"):
        return True
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def without_license(path: Path) -> bool:
    """A source file that says nothing of its licence in its first two lines."""
    head = path.read_bytes().splitlines()[:2]
    line = f"SPDX-License-Identifier: {LICENSE}".encode()
    return is_source(path) and not any(line in text for text in head)


def too_large(path: Path) -> bool:
    """A file that belongs into a cache or a release."""
    return path.stat().st_size > LARGEST


def of_one_machine(path: Path) -> bool:
    """A file that names a folder of the machine on which it was written."""
    return MACHINE.search(path.read_bytes()) is not None


@pytest.mark.parametrize("fault", [without_license, too_large, of_one_machine])
def test_no_file_has(fault: Callable[[Path], bool]) -> None:
    files = tracked()
    assert len(files) > 100
    assert [str(path.relative_to(ROOT)) for path in files if fault(path)] == []


@pytest.mark.parametrize(
    ("fault", "name", "data"),
    [
        (without_license, "a.c", b"int a;\n"),
        (without_license, "script", b"#!/bin/sh\n\n# SPDX-License-Identifier: GPL-2.0\n"),
        (too_large, "a.json", bytes(LARGEST + 1)),
        (of_one_machine, "a.md", b"see /ho" + b"me/someone/notes\n"),
    ],
    ids=["no license", "late license", "large", "machine"],
)
def test_fault_is_seen(
    fault: Callable[[Path], bool], name: str, data: bytes, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", name], cwd=tmp_path, check=True)
    assert [path.name for path in tracked(tmp_path) if fault(path)] == [name]


def test_sources_are_all_known_as_such() -> None:
    """A file is program text or data of a known kind, so that none slips by."""
    unknown = [
        path
        for path in tracked()
        if not is_source(path) and not path.name.endswith(DATA) and "seeds" not in path.parts
    ]
    assert unknown == []


def test_license_is_there() -> None:
    text = (ROOT / "LICENSES" / f"{LICENSE}.txt").read_text()
    assert "GNU GENERAL PUBLIC LICENSE" in text
    assert "Version 2, June 1991" in text


def test_generated_headers_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate-headers", "--check"]) == 0
    assert capsys.readouterr().err == ""
    assert {path.suffix for path in map(Path, codegen.render_all())} == {".h"}


def test_every_generated_file_has_its_template() -> None:
    """A header that nothing makes any more would never be found stale."""
    made = {ROOT / name for name in codegen.render_all()}
    assert {path for path in tracked() if path.parent.name == "generated"} <= made


def test_stale_header_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One changed, one missing; then both are written, and all is well."""
    monkeypatch.setattr("harness.commands.generate_headers.ROOT", tmp_path)
    files = codegen.render_all()
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert main(["generate-headers", "--check"]) == 0
    changed, missing = sorted(files)[:2]
    (tmp_path / changed).write_text(files[changed] + "\n")
    (tmp_path / missing).unlink()
    assert main(["generate-headers", "--check"]) == 1
    complaints = capsys.readouterr().err.splitlines()
    assert [name for name in files if any(name in line for line in complaints)] == [
        name for name in files if name in (changed, missing)
    ]
    assert not (tmp_path / missing).exists()
    assert main(["generate-headers"]) == 0
    assert {name: (tmp_path / name).read_text() for name in files} == files

# SPDX-License-Identifier: GPL-2.0
"""Check that C files are compiled once for each content, also by several processes at a time."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.host.errors import HarnessError, SetupError
from harness.host.paths import ROOT
from harness.native import objects as compiling
from harness.native.objects import Toolchain, Unit, linked, objects

SOURCE = """\
#include "number.h"
#include <stdio.h>
int main(void) { return printf("%d\\n", NUMBER) < 0; }
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a program, a header that it includes and one that it does not, and a cache."""
    monkeypatch.setenv("LLAMUX_CACHE", str(tmp_path / "cache"))
    (tmp_path / "number.h").write_text("#define NUMBER 1\n")
    (tmp_path / "other.h").write_text("")
    (tmp_path / "main.c").write_text(SOURCE)
    return tmp_path


def made(folder: Path, *flags: str) -> Path:
    """Return the object of main.c."""
    return objects(Toolchain("gcc", flags, (folder,)), [Unit(folder / "main.c")])[0]


def test_object_follows_flags_source_and_included_headers(folder: Path) -> None:
    first = made(folder)
    assert made(folder) == first
    (folder / "other.h").write_text("#error\n")
    assert made(folder) == first
    (folder / "number.h").write_text("#define NUMBER 22\n")
    second = made(folder)
    (folder / "main.c").write_text(SOURCE + "\n")
    third = made(folder)
    assert len({first, second, third, made(folder, "-O1")}) == 4
    (folder / "main.c").write_text(SOURCE)
    assert made(folder) == second
    (folder / "number.h").write_text("#define NUMBER 1\n")
    assert made(folder) == first


def test_two_states_of_the_headers_do_not_replace_each_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = ("#define NUMBER 1\n", '#include "other.h"\n#define NUMBER 1\n')
    found = []
    for state in states:
        (folder / "number.h").write_text(state)
        found.append(made(folder))
    monkeypatch.setattr(compiling, "_compile", lambda *_: pytest.fail("compiled again"))
    for state, one in zip(states, found, strict=True):
        (folder / "number.h").write_text(state)
        assert made(folder) == one


def test_header_that_is_included_through_another_counts(folder: Path) -> None:
    (folder / "number.h").write_text('#include "other.h"\n#define NUMBER 1\n')
    first = made(folder)
    (folder / "other.h").write_text("#define OTHER\n")
    assert made(folder) != first
    (folder / "other.h").unlink()
    (folder / "number.h").write_text("#define NUMBER 1\n")
    assert made(folder) != first


def test_header_given_first_counts(folder: Path) -> None:
    (folder / "number.h").write_text("")
    for number in ("5", "6"):
        (folder / "other.h").write_text(f"#define NUMBER {number}\n")
        toolchain = Toolchain("gcc", (), (folder,), folder / "other.h")
        program = linked(toolchain, [Unit(folder / "main.c")], "main", [])
        assert subprocess.check_output([program], text=True) == f"{number}\n"


def test_program_follows_its_objects(folder: Path) -> None:
    for number in ("1", "2", "1"):
        (folder / "number.h").write_text(f"#define NUMBER {number}\n")
        program = linked(Toolchain("gcc", ()), [Unit(folder / "main.c")], "main", [])
        assert subprocess.check_output([program], text=True) == f"{number}\n"


def test_fault_is_one_line_and_a_log(folder: Path) -> None:
    (folder / "main.c").write_text(SOURCE + "int f(void) { return missing; }\n")
    with pytest.raises(HarnessError, match=r"main.c cannot be built: .*error: .missing.") as caught:
        made(folder)
    message = str(caught.value)
    assert "\n" not in message
    log = Path(message.rpartition("all of it in ")[2]).read_text()
    assert "return missing;" in log
    assert str(folder / "main.c") in log.splitlines()[0]
    (folder / "main.c").write_text("int f(void);\nint main(void) { return f(); }\n")
    with pytest.raises(HarnessError, match=r"^main cannot be built: .*undefined reference to .f'"):
        linked(Toolchain("gcc", ()), [Unit(folder / "main.c")], "main", [])


def test_missing_compiler_is_explained(folder: Path) -> None:
    with pytest.raises(SetupError, match="cc-of-nobody is missing: run `make venv`, or apt-get"):
        objects(Toolchain("cc-of-nobody", ()), [Unit(folder / "main.c")])


def test_processes_do_not_compile_the_same_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("gcc")
    compiler = folder / "counted-gcc"
    compiler.write_text(
        f'#!/bin/sh\ncase " $* " in *" -c "*) echo >>{folder}/calls; sleep 0.5;; esac\n'
        f'exec {real} "$@"\n'
    )
    compiler.chmod(0o755)
    code = (
        "from pathlib import Path; from harness.native.objects import *; "
        f"unit = Unit(Path({str(folder / 'main.c')!r})); "
        f"linked(Toolchain({str(compiler)!r}, ()), [unit], 'main', [])"
    )
    running = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert len((folder / "calls").read_text().splitlines()) == 1

# SPDX-License-Identifier: GPL-2.0
"""Structure of the source tree: rooms, levels, arrows and circles."""

from pathlib import Path

from harness.analysis import structure
from harness.host.paths import ROOT


def write(root: Path, files: dict[str, str]) -> None:
    """Write files below a folder, and make the folders that they need."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_levels_and_arrows_of_a_package(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "p/__init__.py": "",
            "p/top/a.py": "from p.middle import b\nfrom p.low.c import C\n",
            "p/middle/b.py": "import p.low.c\n",
            "p/low/c.py": "import os\nC = 1\n",
        },
    )
    found = structure.python(tmp_path, "p")
    assert found.levels == {"p": 0, "p/low": 0, "p/middle": 1, "p/top": 2}
    assert (found.n_arrows, found.files, found.references) == (3, 4, 3)
    assert found.circles == []


def test_a_circle_is_found(tmp_path: Path) -> None:
    write(tmp_path, {"p/a/x.py": "from p.b import y\n", "p/b/y.py": "from p.a.x import X\n"})
    assert structure.python(tmp_path, "p").circles == [frozenset({"p/a", "p/b"})]


def test_includes_of_c_are_arrows(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "k/top/a.c": '#include "a.h"\n#include "low/b.h"\n#include <linux/list.h>\n',
            "k/top/a.h": "",
            "k/low/b.h": '  #  include "../top/a.h"\n',
        },
    )
    found = structure.c(tmp_path, "k", ["k"])
    assert found.arrows == {"k/low": frozenset({"k/top"}), "k/top": frozenset({"k/low"})}
    assert found.circles == [frozenset({"k/low", "k/top"})]


def test_the_project_has_no_circle() -> None:
    trees = structure.project(ROOT)
    assert [tree.name for tree in trees] == ["harness", "llamux", "kmod"]
    for tree in trees:
        assert tree.circles == []
        assert tree.files > 5

# SPDX-License-Identifier: GPL-2.0
"""Coverage: what gcov and coverage.py count is added up, and long gaps are found."""

import json
import subprocess
from pathlib import Path

from harness.checks import coverage
from harness.checks.coverage import LONG, FileCoverage


def test_a_gap_is_long_and_without_a_line_that_ran() -> None:
    short = dict.fromkeys(range(1, LONG + 1), 0)
    assert FileCoverage(short).gaps() == []
    long = FileCoverage({**dict.fromkeys(range(5, 5 + LONG + 1), 0), 4: 1, 99: 0})
    assert long.gaps() == [(5, 99)]
    long.lines[60] = 1
    assert long.gaps() == [(5, 5 + LONG)]


def test_lines_and_branches_of_c(tmp_path: Path) -> None:
    """Check that two programs that share a file are both counted."""
    unreached = "".join("\tn += argc;\n" for _ in range(LONG + 2))
    source = tmp_path / "a.c"
    source.write_text(
        f"int main(int argc, char **argv)\n{{\n\tint n = 0;\n\n\tif (argc > 1)\n\t\treturn 0;\n"
        f"\tif (!argv) {{\n{unreached}\t}}\n\treturn n;\n}}\n"
    )
    for name, arguments in (("one", ["x"]), ("two", [])):
        command = ["gcc", "-O0", "--coverage", "-c", "a.c", "-o", f"{name}.o"]
        subprocess.run(command, cwd=tmp_path, check=True)
        link = ["gcc", "--coverage", f"{name}.o", "-o", name]
        subprocess.run(link, cwd=tmp_path, check=True)
        subprocess.run([tmp_path / name, *arguments], cwd=tmp_path, check=True)
    (file,) = coverage.of_c(tmp_path, tmp_path).values()
    assert (file.lines[5], file.lines[6]) == (2, 1)
    assert (file.branches, file.branches_reached) == (4, 3)
    assert file.gaps() == [(8, 8 + LONG + 1)]
    text = coverage.report("C", {"a.c": file})
    assert f"a.c:8-{8 + LONG + 1}" in text


def test_lines_and_branches_of_python(tmp_path: Path) -> None:
    summary = {"num_branches": 4, "covered_branches": 3}
    file = {"executed_lines": [1, 2], "missing_lines": [3], "summary": summary}
    (tmp_path / "a.json").write_text(json.dumps({"files": {"a.py": file}}))
    (found,) = coverage.of_python(tmp_path / "a.json").values()
    assert (found.reached, len(found.lines)) == (2, 3)
    assert " 66.7%  75.0%  a.py" in coverage.report("Python", {"a.py": found})

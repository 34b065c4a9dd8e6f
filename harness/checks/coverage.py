# SPDX-License-Identifier: GPL-2.0
"""Lines and branches that the tests without a guest reach: of the core in C, and of Python.

The core is compiled once more with gcov's counters; ``$LLAMUX_LIBRARY`` has the tests load that
library. Coverage of the files around the core needs a kernel with gcov and is not measured.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from harness.host.errors import HarnessError
from harness.host.paths import ROOT
from harness.native.build import FLAGS, INCLUDES, units

LONG = 20
"""Lines of a gap that is worth a word."""

_COUNTERS = ("--coverage", "-fprofile-update=atomic")


@dataclass
class FileCoverage:
    """Lines and branches of a source file that tests reached, with their counts."""

    lines: dict[int, int] = field(default_factory=dict)
    branches: int = 0
    branches_reached: int = 0

    @property
    def reached(self) -> int:
        """Number of lines that ran."""
        return sum(count > 0 for count in self.lines.values())

    def gaps(self) -> list[tuple[int, int]]:
        """Return first and last line of each run of more than LONG lines that nothing reached."""
        found: list[tuple[int, int]] = []
        first = last = 0
        for line, count in [*sorted(self.lines.items()), (0, 1)]:
            if count == 0:
                first, last = first or line, line
            elif first:
                if last - first >= LONG:
                    found.append((first, last))
                first = 0
        return found


def build(folder: Path) -> Path:
    """Compile the core with counters into a folder and return the library."""
    folder.mkdir(parents=True, exist_ok=True)

    def compile_one(number: int) -> Path:
        unit = units()[number]
        output = folder / f"{number:03}-{unit.source.stem}.o"
        flags = [*FLAGS, *unit.flags, "-O1", *_COUNTERS, *(f"-I{path}" for path in INCLUDES)]
        _run(["gcc", *flags, "-c", str(unit.source), "-o", str(output)])
        return output

    with ThreadPoolExecutor(os.cpu_count()) as workers:
        objects = list(workers.map(compile_one, range(len(units()))))
    library = folder / "libllamux.so"
    _run(["gcc", "-shared", *_COUNTERS, *map(str, objects), "-o", str(library)])
    return library


def _run(command: Sequence[str], cwd: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HarnessError(f"{command[0]} failed: {done.stderr.strip()}")


def of_c(folder: Path, root: Path = ROOT) -> dict[str, FileCoverage]:
    """Return the coverage of each source file below ``root`` whose counters lie in a folder.

    A line that several objects have, as those of headers, is reached if one of them reaches it.
    """
    with_data = sorted(folder.glob("*.gcda"))
    if not with_data:
        raise HarnessError(f"{folder} has no counters: no test has loaded the library")
    _run(["gcov", "--json-format", "--branch-probabilities", *map(str, with_data)], folder)
    found: dict[str, FileCoverage] = {}
    branches: dict[tuple[str, int], list[int]] = {}
    for path in sorted(folder.glob("*.gcov.json.gz")):
        shown = json.loads(gzip.decompress(path.read_bytes()))
        for file in shown["files"]:
            source = Path(shown["current_working_directory"], file["file"]).resolve()
            if not source.is_relative_to(root):
                continue
            name = str(source.relative_to(root))
            lines = found.setdefault(name, FileCoverage()).lines
            for line in file["lines"]:
                number = line["line_number"]
                lines[number] = lines.get(number, 0) + line["count"]
                counts = [branch["count"] for branch in line["branches"]]
                before = branches.get((name, number), [])
                if len(before) == len(counts):
                    counts = [a + b for a, b in zip(before, counts, strict=True)]
                if len(before) <= len(counts):  # else an object has fewer copies of the line
                    branches[name, number] = counts
    for (name, _), counts in branches.items():
        found[name].branches += len(counts)
        found[name].branches_reached += sum(count > 0 for count in counts)
    return found


def of_python(path: Path) -> dict[str, FileCoverage]:
    """Return the coverage of each file in a JSON report of coverage.py."""
    found = {}
    for name, file in json.loads(path.read_text())["files"].items():
        lines = dict.fromkeys(file["executed_lines"], 1) | dict.fromkeys(file["missing_lines"], 0)
        summary = file["summary"]
        found[name] = FileCoverage(lines, summary["num_branches"], summary["covered_branches"])
    return found


def report(title: str, files: Mapping[str, FileCoverage]) -> str:
    """Return a table of files, their sum, and the gaps of more than LONG lines."""
    rows = [(name, one) for name, one in sorted(files.items()) if one.lines]
    total = FileCoverage(
        {},
        sum(one.branches for _, one in rows),
        sum(one.branches_reached for _, one in rows),
    )
    n_lines, n_reached = (
        sum(len(one.lines) for _, one in rows),
        sum(one.reached for _, one in rows),
    )
    text = [f"{title}: lines, branches"]
    for name, one in rows:
        text.append(
            f"  {_share(one.reached, len(one.lines))} {_share(one.branches_reached, one.branches)}"
            f"  {name}"
        )
    text.append(
        f"  {_share(n_reached, n_lines)} {_share(total.branches_reached, total.branches)}"
        f"  all: {n_reached} of {n_lines} lines,"
        f" {total.branches_reached} of {total.branches} branches"
    )
    gaps = [f"  {name}:{a}-{b}" for name, one in rows for a, b in one.gaps()]
    text += [f"gaps of more than {LONG} lines:", *(gaps or ["  none"])]
    return "\n".join(text)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:5.1f}%" if whole else "     -"


def run(folder: Path, tests: Iterable[str]) -> str:
    """Run tests with all counters on and return the reports. HarnessError if a test fails."""
    shutil.rmtree(folder, ignore_errors=True)
    library = build(folder / "core")
    figures = folder / "python.json"
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not boot", *tests]
    command += ["-n", str(max(2, os.cpu_count() or 2)), "--dist", "loadgroup"]
    command += ["--cov=harness", "--cov=llamux", "--cov-branch", f"--cov-report=json:{figures}"]
    environment = os.environ | {
        "LLAMUX_LIBRARY": str(library),
        "COVERAGE_FILE": str(folder / "python"),
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False)
    parts = [report("Python", of_python(figures))]
    if any((folder / "core").glob("*.gcda")):
        parts.insert(0, report("Core", of_c(folder / "core", ROOT / "kmod")))
    text = "\n\n".join(parts)
    if done.returncode:
        raise HarnessError(f"pytest returned {done.returncode}; coverage so far:\n{text}")
    return text

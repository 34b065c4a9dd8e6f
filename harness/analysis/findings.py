# SPDX-License-Identifier: GPL-2.0
"""Static analysis: what tools find in the sources, and which of it is accepted.

A finding is either fixed or explained in accepted_findings.toml; an
explanation that nothing needs any more is as wrong as a finding that has none.
"""

import os
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from harness.analysis import checkpatch, coccinelle, kernel_doc
from harness.host.architectures import ARCHITECTURES, KERNELS
from harness.host.errors import HarnessError
from harness.host.paths import CORE, HOST_PROGRAMS, INCLUDE, LIBRARY, ROOT
from harness.kernels import find, module
from harness.kernels.kernel import Kernel
from harness.native import build, sanitized

ACCEPTED = ROOT / "harness" / "accepted_findings.toml"

_FINDING = re.compile(r"^(?P<file>[^\s:]+):(?P<line>\d+)[\d:-]*: +(?!note:)(?P<text>\S.*)$")
_GCC = (
    "gcc",
    "-fanalyzer",
    "-fdiagnostics-plain-output",
    "-fdiagnostics-path-format=none",
    "-c",
    "-o",
    os.devnull,
)
_CLANG = (
    "clang",
    "--analyze",
    "--analyzer-output",
    "text",
    "-fno-caret-diagnostics",
    "-fno-color-diagnostics",
)


@dataclass(frozen=True, order=True)
class Finding:
    """Finding of a tool about a line."""

    tool: str
    file: str
    """From the repository's root."""
    line: int
    """From 1; 0 where the tool names a file or nothing at all."""
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Explanation:
    """Why findings are none."""

    tool: str
    file: str
    """From the repository's root, with wildcards where it has any."""
    pattern: str
    """A regular expression that is found in the finding's text."""
    reason: str

    def __str__(self) -> str:
        return f"{self.tool}, {self.file}, {self.pattern!r}"

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is one of those that are explained."""
        here = finding.tool == self.tool and fnmatchcase(finding.file, self.file)
        return here and re.search(self.pattern, finding.text) is not None


@dataclass(frozen=True)
class Verdict:
    """Problems: unexplained findings, and explanations without a finding."""

    unexplained: list[Finding]
    unused: list[Explanation]


def parse(tool: str, output: str) -> list[Finding]:
    """The findings among the lines of a tool's output."""
    found = set()
    for line in output.splitlines():
        match = _FINDING.match(line)
        if match:
            file = os.path.normpath(match["file"])
            found.add(Finding(tool, file, int(match["line"]), match["text"]))
    return sorted(found)


def explanations(path: Path = ACCEPTED) -> list[Explanation]:
    """The accepted findings. Raises HarnessError where an entry is not whole."""
    try:
        found = [Explanation(**entry) for entry in tomllib.loads(path.read_text())["accepted"]]
        for explanation in found:
            re.compile(explanation.pattern)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, re.error) as error:
        raise HarnessError(f"{path.name}: {error}") from error
    for explanation in found:
        if explanation.tool not in TOOLS or not explanation.reason.strip():
            raise HarnessError(f"{path.name}: no reason, or no such tool: {explanation}")
    return found


def judge(findings: Iterable[Finding], accepted: Sequence[Explanation]) -> Verdict:
    """Hold findings against the accepted ones of the same tools."""
    unused = dict.fromkeys(accepted)
    unexplained = []
    for finding in findings:
        covering = [explanation for explanation in accepted if explanation.covers(finding)]
        if not covering:
            unexplained.append(finding)
        for explanation in covering:
            unused.pop(explanation, None)
    return Verdict(unexplained, list(unused))


def module_sources() -> list[Path]:
    """C files of kernel modules that were written by hand."""
    found = [path for name in ("kmod", "fixtures") for path in (ROOT / name).rglob("*.[ch]")]
    return sorted(p for p in found if "generated" not in p.parts and not p.name.endswith(".mod.c"))


def program_sources() -> list[Path]:
    """C files that userspace runs, those of the core among them.

    Those for one instruction set alone are left out: their straight lines of
    vector arithmetic cost the analyzers minutes, and what they are made from is
    compiled for general registers, too.
    """
    tools = HOST_PROGRAMS.parent.rglob("*.c")
    fuzzers = (ROOT / "tests" / "fuzz").glob("*.c")
    return [*sanitized.sources(), *tools, *fuzzers, *LIBRARY.glob("*.c")]


def kernel_sources() -> list[Path]:
    """C files that only a kernel runs."""
    return [p for p in module_sources() if p.suffix == ".c" and CORE not in p.parents]


def by_kbuild(targets: Sequence[Kernel] = (), source: Path = ROOT) -> list[Finding]:
    """Compiler and sparse, in the module's build for each kernel."""
    targets = targets or [
        find.kernel(arch, series) for arch in ARCHITECTURES.values() for series in KERNELS
    ]
    found: set[Finding] = set()
    for target in targets:
        built = module.build(target, source, checked=True)
        for line in module.own_warnings(built):
            found.update(parse("kbuild", line) or [Finding("kbuild", "Kbuild", 0, line)])
    return sorted(found)


def by_checkpatch(files: Sequence[Path] = ()) -> list[Finding]:
    """The kernel's style checker, with all that it can say."""
    return parse("checkpatch", checkpatch.report(files or module_sources()))


def by_coccinelle(files: Sequence[Path] = ()) -> list[Finding]:
    """The kernel's semantic patches."""
    return parse("coccinelle", coccinelle.report(files or module_sources(), _kernel()))


def by_kernel_doc(files: Sequence[Path] = ()) -> list[Finding]:
    """The kernel's reader of documentation, with all that it can say."""
    files = files or [*module_sources(), *LIBRARY.glob("*.h")]
    return parse("kernel-doc", kernel_doc.report(files, _kernel()))


def by_gcc(files: Sequence[Path] = ()) -> list[Finding]:
    """The analyzer in gcc, on the core in userspace and programs."""
    return _compile("gcc", [*_GCC, *_program_flags()], files or program_sources())


def by_clang(files: Sequence[Path] = ()) -> list[Finding]:
    """The analyzer in clang, on the same files."""
    return _compile("clang", [*_CLANG, *_program_flags()], files or program_sources())


def by_kernel_gcc(files: Sequence[Path] = ()) -> list[Finding]:
    """The analyzer in gcc, on the module around the core, as it is in the kernel."""
    return _compile("kernel-gcc", [*_GCC, *_kernel_flags()], files or kernel_sources())


def by_kernel_clang(files: Sequence[Path] = ()) -> list[Finding]:
    """The analyzer in clang, on the same files."""
    return _compile("kernel-clang", [*_CLANG, *_kernel_flags()], files or kernel_sources())


TOOLS: dict[str, Callable[[], list[Finding]]] = {
    "kbuild": by_kbuild,
    "checkpatch": by_checkpatch,
    "kernel-doc": by_kernel_doc,
    "coccinelle": by_coccinelle,
    "gcc": by_gcc,
    "clang": by_clang,
    "kernel-gcc": by_kernel_gcc,
    "kernel-clang": by_kernel_clang,
}
"""In the order in which they run."""


def _kernel() -> Kernel:
    """The kernel whose headers the tools read."""
    return find.kernel(ARCHITECTURES["x86_64"], KERNELS[-1])


def _program_flags() -> list[str]:
    include = [f"-I{os.path.relpath(folder, ROOT)}" for folder in (CORE, build.NATIVE, INCLUDE)]
    return [*build.FLAGS, "-Wno-unused-parameter", *include]


def _kernel_flags() -> list[str]:
    flags = [*module.compiler_flags(_kernel()), "-O2", "-Ikmod"]
    flags += ["-Ikmod/ggml_kernel", "-Ikmod/include"]
    return [*flags, "-Wno-attributes", "-include", "harness/analysis/kernel_allocators.h"]


def _compile(tool: str, compiler: Sequence[str], files: Iterable[Path]) -> list[Finding]:
    """Run a compiler over files."""

    def run(path: Path) -> str:
        command = [*compiler, os.path.relpath(path, ROOT)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={**os.environ, "LC_ALL": "C"},
        )
        if done.returncode:
            raise HarnessError(f"{' '.join(command)} failed:\n{done.stderr}")
        return done.stderr

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return parse(tool, "".join(pool.map(run, files)))

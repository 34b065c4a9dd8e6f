# SPDX-License-Identifier: GPL-2.0
"""The kernel's own semantic patches, from Debian's package of the kernel source."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.host.errors import HarnessError
from harness.host.lock import exclusive
from harness.host.paths import CORE, ROOT, cache_dir
from harness.host.progress import step
from harness.kernels import source
from harness.kernels.kernel import Kernel

_FOLDER = "scripts/coccinelle"
_OPTIONS = re.compile(r"^// +Options:(.*)$", re.MULTILINE)
_OCAML = re.compile(r"^@\w+:ocaml\b", re.MULTILINE)
_REPORT = re.compile(r"^virtual\b.*\breport\b", re.MULTILINE)
_UNREAD = re.compile(
    r'^parse error *\n = File "(?P<file>[^"]+)", line (?P<line>\d+),.*\n.*\n'
    r"  whole content = \s*(?P<text>.*\S)",
    re.MULTILINE,
)


def patches() -> list[Path]:
    """The semantic patches that can report, taken from the source if the cache has none.

    Those with a script in OCaml would want its compiler, which weighs more than they do.
    """
    folder = cache_dir("coccinelle")
    found = folder / source.archive().stem
    with exclusive(folder / "lock"):
        if not found.exists():
            with (
                step("semantic patches from the kernel source"),
                tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as scratch,
            ):
                source.extract(Path(scratch), [f"{_FOLDER}/"])
                shutil.move(Path(scratch, _FOLDER), found)
    return [path for path in sorted(found.rglob("*.cocci")) if _usable(path.read_text())]


def _usable(patch: str) -> bool:
    return bool(_REPORT.search(patch)) and not _OCAML.search(patch)


def report(files: Sequence[Path], target: Kernel) -> str:
    """Return the output of the semantic patches: findings, a line each, among other lines.

    `target` is the kernel whose headers are read where a patch wants them.
    """
    names = [os.path.relpath(path, ROOT) for path in files]
    folders = (ROOT / "kmod", CORE, *_headers(target))
    include = [w for folder in folders for w in ("-I", str(folder))]
    modes = [
        [
            *("--cocci-file", str(patch), "-D", "report", "--no-show-diff", "--very-quiet"),
            *_options(patch),
            *include,
        ]
        for patch in patches()
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = "".join(pool.map(lambda mode: _spatch([*mode, *names]), modes))
    return found + unread(files)


def unread(files: Sequence[Path]) -> str:
    """Return lines that spatch cannot parse and would skip in silence, a line each."""
    names = [os.path.relpath(path, ROOT) for path in files]
    output = _spatch(["--parse-c", "--no-includes", *names])
    return "".join(
        f"{match['file']}:{match['line']}: not read: {match['text']}\n"
        for match in _UNREAD.finditer(output)
    )


def _headers(target: Kernel) -> list[Path]:
    """Folders in which the kernel's headers lie; Debian has those of its own in a folder apart."""
    common = [
        path
        for path in target.headers.parent.glob("linux-headers-*-common")
        if (path / "include").is_dir()
    ]
    arch = {"x86_64": "x86"}.get(target.architecture.kbuild, target.architecture.kbuild)
    return [root / name for root in common for name in ("include", f"arch/{arch}/include")]


def _options(patch: Path) -> list[str]:
    """The options that a semantic patch asks for in its head."""
    return [word for line in _OPTIONS.findall(patch.read_text()) for word in shlex.split(line)]


def _spatch(arguments: list[str]) -> str:
    command = ["spatch", *arguments]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        raise HarnessError(f"{shlex.join(command[:6])} failed:\n{done.stdout}")
    return done.stdout

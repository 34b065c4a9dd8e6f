# SPDX-License-Identifier: GPL-2.0
"""Kernel modules built out of tree, away from the source folder.

A build folder for each kernel and set of options is kept in the cache and
brought up to date file by file, so that a second build compiles what changed.
The finished module is kept under a hash of everything it was made from, but
not of where that lay: clones of the repository share it.
"""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from harness.host import make
from harness.host.architectures import architecture, host_architecture
from harness.host.errors import SetupError
from harness.host.lock import exclusive
from harness.host.paths import INCLUDE, ROOT, cache_dir
from harness.host.progress import step
from harness.kernels.find import kernel
from harness.kernels.kernel import Kernel

_SOURCES = {".c", ".h", ".S"}
_CHECKED = "checked"  # a file beside the log of a build that was
_KEPT = 12  # finished builds for each build folder

# Prefixes of flags by which a compiler understands the kernel's sources.
_READING = ("-D", "-I", "-U", "-std=", "-nostdinc", "-funsigned-char", "-fshort-wchar")
_WARNING = re.compile(r"(?:warning|error): ", re.IGNORECASE)


@dataclass(frozen=True)
class Build:
    """A finished build."""

    module: Path
    """The module without its debug information; its section .BTF stays."""
    full_module: Path
    """The module as the linker left it."""
    symbols: Path
    """Symbols for modules that call this one: Module.symvers."""
    log: str
    """Output of make for the files that it compiled: all files, if the build is checked."""

    @property
    def warnings(self) -> list[str]:
        """Lines of the log in which compiler, sparse or modpost complain."""
        return [line for line in self.log.splitlines() if _WARNING.search(line)]


def sources(source: Path) -> dict[str, Path]:
    """The files that a module is built from, by their path below `source`."""
    found = {"Kbuild": source / "Kbuild"}
    for path in source.rglob("*"):
        relative = path.relative_to(source)
        if path.suffix not in _SOURCES or path.name.endswith(".mod.c"):
            continue
        if source == ROOT and relative.parts[0] != "kmod":
            continue
        found[str(relative)] = path
    return found


def build(
    target: Kernel,
    source: Path = ROOT,
    make_args: Sequence[str] = (),
    checked: bool = False,
    certificate: Path | None = None,
    against: Build | None = None,
) -> Build:
    """Build the module whose Kbuild lies in `source`.

    `make_args` are handed to make. Of a `checked` build every file has been compiled anew
    and read by sparse, so that the log has every warning; it is the same module. The module
    will trust the key of `certificate`, and may call what `against` exports. Raises SetupError
    with the log when the build fails.
    """
    files = sources(source)
    all_args = (*target.make_args, *make_args)
    key = hashlib.sha256(repr((target.release, all_args)).encode())
    for name, path in sorted(files.items()):
        key.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    label = str(source.relative_to(ROOT)) if source.is_relative_to(ROOT) else source.name
    options = hashlib.sha256(repr((label, tuple(make_args))).encode()).hexdigest()[:8]
    if certificate:
        key.update(b"certificate " + certificate.read_bytes())
        make_args = (*make_args, f"LLAMUX_CERT={certificate.absolute()}")
    if against:
        for path in (against.symbols, *sorted(INCLUDE.rglob("*.h"))):
            key.update(b"against " + path.read_bytes())
        make_args = (*make_args, f"LLAMUX={ROOT}", f"KBUILD_EXTRA_SYMBOLS={against.symbols}")
    folder = cache_dir("modules", f"{target.release}-{options}")
    finished = folder / key.hexdigest()[:16]
    wanted = finished / (_CHECKED if checked else "log")
    with exclusive(folder / "lock"):
        if not wanted.exists():
            with step(f"module for {target.release}"):
                _make(target, files, folder / "tree", finished, make_args, checked)
            _prune(folder, keep=finished)
        os.utime(finished)
    (module,) = (finished / "stripped").glob("*.ko")
    log = (finished / "log").read_text()
    return Build(module, finished / module.name, finished / "Module.symvers", log)


def build_module(arch: str, series: str | None = None, source: Path = ROOT) -> Path:
    """The module for a guest, ready for its initramfs."""
    return build(kernel(architecture(arch), series), source).module


def make_command(target: Kernel, tree: Path) -> list[str]:
    """The call of make that builds the module in `tree`."""
    arch = target.architecture
    cross = "" if host_architecture() == arch.debian else arch.compiler_prefix
    return [
        "make",
        f"-j{os.cpu_count()}",
        "-C",
        str(target.headers),
        f"M={tree}",
        f"ARCH={arch.kbuild}",
        f"CROSS_COMPILE={cross}",
        *target.make_args,
    ]


def compiler_flags(target: Kernel) -> list[str]:
    """What Kbuild tells the compiler, so that it reads a C file of a module for that kernel.

    Not what to make of it: a part of that is for one compiler alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        (tree / "Kbuild").write_text("obj-m := empty.o\n")
        (tree / "empty.c").touch()
        subprocess.run(
            [*make_command(target, tree), "empty.o"],
            check=True,
            capture_output=True,
            env=make.environment(),
        )
        command = (tree / ".empty.o.cmd").read_text().splitlines()[0]
    words = shlex.split(command.partition(":=")[2])
    flags = []
    for word, following in pairwise(words):
        if word == "-include":
            flags += [word, following]
        elif word.startswith("-I./"):
            flags.append(f"-I{target.headers}/{word[4:]}")
        elif word.startswith(_READING):
            flags.append(word)
    return flags


def own_warnings(built: Build) -> list[str]:
    """The warnings about this module's files, and not those about the kernel's headers."""
    return [line for line in built.warnings if not line.startswith("/") and "./" not in line]


def _make(
    target: Kernel,
    files: dict[str, Path],
    tree: Path,
    finished: Path,
    make_args: Sequence[str],
    checked: bool,
) -> None:
    tree.mkdir(exist_ok=True)
    _sync(files, tree)
    command = make_command(target, tree)
    checks = []
    if checked:
        checks = ["C=2"]
        subprocess.run([*command, "clean"], check=True, capture_output=True, env=make.environment())
    done = subprocess.run(
        [*command, "W=1", *checks, *make_args, "modules"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=make.environment(),
    )
    log = done.stdout.replace(f"{tree}/", "")
    if done.returncode:
        raise SetupError(f"the module for {target.release} does not build:\n{log}")
    modules = list(tree.glob("*.ko"))
    if len(modules) != 1:
        raise SetupError(f"Kbuild made {len(modules)} modules instead of one")
    shutil.rmtree(finished, ignore_errors=True)
    (finished / "stripped").mkdir(parents=True)
    shutil.copy2(modules[0], finished)
    shutil.copy2(tree / "Module.symvers", finished)
    strip = f"{target.architecture.compiler_prefix}strip"
    stripped = finished / "stripped" / modules[0].name
    subprocess.run([strip, "--strip-debug", "-o", str(stripped), str(modules[0])], check=True)
    (finished / "log").write_text(log)
    if checked:
        (finished / _CHECKED).touch()


def _sync(files: dict[str, Path], tree: Path) -> None:
    """Make the sources in `tree` equal to `files`; a file that is equal keeps its date."""
    for name in set(sources(tree)) - set(files):
        (tree / name).unlink(missing_ok=True)
    for name, path in files.items():
        copy = tree / name
        data = path.read_bytes()
        if not copy.exists() or copy.read_bytes() != data:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(data)


def _prune(folder: Path, keep: Path) -> None:
    builds = [path for path in folder.iterdir() if path.is_dir() and path.name != "tree"]
    builds.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in builds[_KEPT:]:
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)

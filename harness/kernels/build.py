# SPDX-License-Identifier: GPL-2.0
"""Kernels built from Debian's source: once for each source, configuration and compiler.

What a module is built against stays beside the kernel; the rest of the source
does not.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness.host import make, packages
from harness.host.architectures import Architecture, host_architecture
from harness.host.errors import SetupError
from harness.host.lock import exclusive
from harness.host.paths import cache_dir
from harness.host.progress import step
from harness.kernels import source as kernel_source

COMPILER = "gcc-12"

_UNUSED = (
    *("Documentation/*/*", "arch/*/boot/dts", "sound/*.[ch]", "tools/testing"),
    *(f"drivers/{name}/*.[ch]" for name in ("gpu", "media", "net", "scsi", "staging")),
)
"""Much of the source; Kconfig files are needed all the same."""

_LARGE_ARCH = ("arm", "arm64", "mips", "powerpc")

_KEPT = ("arch", "certs", "include", "scripts", "tools")
_KEPT_TOOL = Path("tools", "objtool", "objtool")  # checks the objects of modules, too
_LAYOUT = 1  # raise it when what lies in a kernel's folder changes


@dataclass(frozen=True)
class Recipe:
    """Recipe of a kernel that is built from source."""

    name: str
    """Begins the folder's name."""
    title: str
    """Name for people."""
    architecture: Architecture
    kept_arch: tuple[str, ...]
    """The folders below arch that modules need."""
    targets: tuple[str, ...]
    configs: tuple[Path, ...]
    """Configuration on top of ``allnoconfig``."""
    patch: Path | None = None
    make_args: tuple[str, ...] = ()
    """Further arguments of make for the kernel itself."""


def make_args(arch: Architecture) -> tuple[str, ...]:
    """Arguments of make for these kernels and for their modules."""
    prefix = _prefix(arch)
    cross = (f"CROSS_COMPILE={prefix}",) if prefix else ()
    return (*cross, f"CC={prefix}{COMPILER}", f"HOSTCC={COMPILER}")


def folder(recipe: Recipe) -> Path:
    """Where the kernel lies, ready for ``make -C``; built if the cache has none.

    Raises SetupError, with the end of the log, when the build fails.
    """
    if host_architecture() != "amd64":
        raise SetupError(f"{recipe.title} needs a host of x86_64")
    packages.ensure(packages.KERNELS)
    if _prefix(recipe.architecture):
        packages.ensure(packages.CROSS_KERNELS)
    source = kernel_source.archive()
    args = (*make_args(recipe.architecture), *recipe.make_args)
    compiler = _version(f"{_prefix(recipe.architecture)}{COMPILER}")
    key = hashlib.sha256(repr((_LAYOUT, source.name, compiler, args)).encode())
    for path in (*recipe.configs, *([recipe.patch] if recipe.patch else [])):
        key.update(path.read_bytes())
    kernels = cache_dir("kernels")
    name = f"{recipe.name}-{key.hexdigest()[:16]}"
    finished = kernels / name
    with exclusive(kernels / f"{recipe.name}-lock"):
        if not finished.exists():
            with (
                step(f"{recipe.title} (minutes, once)"),
                tempfile.TemporaryDirectory(dir=kernels, prefix=".new-") as scratch,
            ):
                tree = Path(scratch, "linux")
                tree.mkdir()
                kernel_source.extract(tree, exclude=_unused(recipe))
                _build(recipe, tree, name, args)
                _prune(recipe, tree)
                tree.rename(finished)
    return finished


def release(tree: Path) -> str:
    """What ``uname -r`` prints on a kernel built in `tree`."""
    return (tree / "include" / "config" / "kernel.release").read_text().strip()


def _prefix(arch: Architecture) -> str:
    """Prefix of the compiler, if the kernel's architecture is not the host's."""
    return "" if arch.debian == host_architecture() else arch.compiler_prefix


def _version(compiler: str) -> bytes:
    return subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout


def _unused(recipe: Recipe) -> list[str]:
    others = [name for name in _LARGE_ARCH if name not in recipe.kept_arch]
    return [*_UNUSED, *(f"arch/{name}/*.[chS]" for name in others)]


def _build(recipe: Recipe, tree: Path, name: str, args: tuple[str, ...]) -> None:
    """`name` ends the kernel's release, so that no module of another build fits."""
    if recipe.patch:
        with recipe.patch.open("rb") as patch:
            _run(recipe, tree, "patch", "-p1", stdin=patch.fileno())
    call = (
        *("nice", "make", f"-j{os.cpu_count()}", f"ARCH={recipe.architecture.kbuild}"),
        *(f"LOCALVERSION=-{name}", *args),
    )
    wanted = "".join(path.read_text() for path in recipe.configs)
    (tree / "wanted.config").write_text(wanted)
    _run(recipe, tree, *call, "KCONFIG_ALLCONFIG=wanted.config", "allnoconfig")
    written = (tree / ".config").read_text().splitlines()
    for line in wanted.splitlines():
        if line.startswith("CONFIG_") and line not in written:
            raise SetupError(f"{recipe.title}: {line} does not hold for this kernel")
    _run(recipe, tree, *call, *recipe.targets)


def _run(recipe: Recipe, tree: Path, *command: str, stdin: int = subprocess.DEVNULL) -> None:
    done = subprocess.run(
        command,
        cwd=tree,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=make.environment(),
    )
    if done.returncode:
        end = "\n".join(done.stdout.splitlines()[-40:])
        raise SetupError(f"{recipe.title} does not build: {' '.join(command)} says\n{end}")


def _prune(recipe: Recipe, tree: Path) -> None:
    """Leave the kernel, and what external modules are built against."""
    for path in tree.iterdir():
        if path.is_dir() and path.name not in _KEPT:
            shutil.rmtree(path)
    for arch in (tree / "arch").iterdir():
        if arch.is_dir() and arch.name not in recipe.kept_arch:
            shutil.rmtree(arch)
    for path in (tree / "tools").rglob("*"):
        if not path.is_dir() and path != tree / _KEPT_TOOL:
            path.unlink()
    for pattern in ("*.[co]", "vmlinux*"):
        for path in (tree / "arch").rglob(pattern):
            path.unlink()
    for name in ("vmlinux", "vmlinux.o", "vmlinux.a", ".vmlinux.export.c"):
        (tree / name).unlink(missing_ok=True)

# SPDX-License-Identifier: GPL-2.0
"""Kernels built from Debian's source: once for each source, configuration and compiler.

A finished kernel keeps the files that modules are built against, and no other source files.
"""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness.host import make, packages
from harness.host.architectures import Architecture, host_architecture
from harness.host.errors import SetupError
from harness.host.lock import exclusive
from harness.host.paths import cache_dir
from harness.host.progress import step
from harness.host.run import run
from harness.kernels import source as kernel_source

COMPILER = "gcc-12"

_UNUSED = (
    *("Documentation/*/*", "arch/*/boot/dts", "sound/*.[ch]", "tools/testing"),
    *(f"drivers/{name}/*.[ch]" for name in ("gpu", "media", "net", "scsi", "staging")),
)
"""Files that are not unpacked. Kconfig files are needed all the same."""

_LARGE_ARCH = ("arm", "arm64", "mips", "powerpc")

_KEPT = ("arch", "certs", "include", "scripts", "tools")
_KEPT_TOOL = Path("tools", "objtool", "objtool")  # checks the objects of modules, too
_LAYOUT = 1  # raise it when what lies in a kernel's folder changes


@dataclass(frozen=True)
class KernelRecipe:
    """Configuration from which a kernel is built."""

    name: str
    """Beginning of the folder's name."""
    title: str
    """Name in messages."""
    architecture: Architecture
    kept_arch: tuple[str, ...]
    """Folders below arch that modules need."""
    targets: tuple[str, ...]
    """Targets of make."""
    configs: tuple[Path, ...]
    """Files with the options that differ from ``allnoconfig``."""
    patch: Path | None = None
    make_args: tuple[str, ...] = ()
    """Further arguments of make for the kernel, not for modules."""


def make_args(arch: Architecture) -> tuple[str, ...]:
    """Return the arguments of make for these kernels and for their modules."""
    prefix = _prefix(arch)
    cross = (f"CROSS_COMPILE={prefix}",) if prefix else ()
    return (*cross, f"CC={prefix}{COMPILER}", f"HOSTCC={COMPILER}")


def folder(recipe: KernelRecipe) -> Path:
    """Return the kernel's folder, ready for ``make -C``; it is built if the cache has none.

    Raises SetupError if the build fails.
    """
    if host_architecture() != "amd64":
        raise SetupError(f"{recipe.title} can be built on x86_64 only: use a Debian kernel")
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
    """Return what ``uname -r`` prints on the kernel built in `tree`."""
    return (tree / "include" / "config" / "kernel.release").read_text().strip()


def _prefix(arch: Architecture) -> str:
    """Return the compiler's prefix, "" for a kernel of the host's architecture."""
    return "" if arch.debian == host_architecture() else arch.compiler_prefix


def _version(compiler: str) -> bytes:
    return run([compiler, "--version"], error=SetupError).output


def _unused(recipe: KernelRecipe) -> list[str]:
    others = [name for name in _LARGE_ARCH if name not in recipe.kept_arch]
    return [*_UNUSED, *(f"arch/{name}/*.[chS]" for name in others)]


def _build(recipe: KernelRecipe, tree: Path, name: str, args: tuple[str, ...]) -> None:
    """Build in `tree`. The kernel's release ends in `name`: modules of other builds do not fit."""
    if recipe.patch:
        _run(recipe, tree, "patch", "-p1", stdin=recipe.patch)
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
            raise SetupError(
                f"{recipe.title}: {line} has no effect: its dependencies are not configured"
            )
    _run(recipe, tree, *call, *recipe.targets)


def _run(recipe: KernelRecipe, tree: Path, *command: str, stdin: bytes | Path = b"") -> None:
    run(
        command,
        what=f"{recipe.title} does not build",
        error=SetupError,
        cwd=tree,
        stdin=stdin,
        merge=True,
        env=make.environment(),
    )


def _prune(recipe: KernelRecipe, tree: Path) -> None:
    """Remove all but the kernel and the files that modules are built against."""
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

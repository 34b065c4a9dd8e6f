# SPDX-License-Identifier: GPL-2.0
"""The kernel of User-mode Linux guests, built from Debian's source and images/uml.config.

What a module is built against stays beside the kernel; the rest of the source
does not. Built once for each source, configuration and compiler.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness import kernel_source, make, setup_system
from harness.architectures import UML, host_architecture
from harness.guest_errors import SetupError
from harness.lock import exclusive
from harness.paths import ROOT, cache_dir
from harness.progress import step

COMPILER = "gcc-12"
MAKE_ARGS = (f"CC={COMPILER}", f"HOSTCC={COMPILER}")
"""What every build of this kernel and for it hands to make."""

_CONFIG = ROOT / "images" / "uml.config"
_PATCH = ROOT / "images" / "uml.patch"
_UNUSED = (
    *("Documentation/*/*", "arch/*/boot/dts", "sound/*.[ch]", "tools/testing"),
    *(f"arch/{name}/*.[chS]" for name in ("arm", "arm64", "mips", "powerpc")),
    *(f"drivers/{name}/*.[ch]" for name in ("gpu", "media", "net", "scsi", "staging")),
)
"""Much of the source; Kconfig files are needed all the same."""

_KEPT = ("arch", "include", "scripts")
_LAYOUT = 1  # raise it when what lies in the kernel's folder changes


def folder() -> Path:
    """Where the kernel lies ("linux"), ready for ``make -C``; built if the cache has none.

    Raises SetupError, with the end of the log, when the build fails.
    """
    if host_architecture() != UML.debian:
        raise SetupError("User-mode Linux needs a host of x86_64")
    setup_system.ensure(setup_system.UML)
    source = kernel_source.archive()
    key = hashlib.sha256(repr((_LAYOUT, source.name, _compiler(), MAKE_ARGS)).encode())
    key.update(_CONFIG.read_bytes() + _PATCH.read_bytes())
    kernels = cache_dir("kernels")
    name = f"uml-{key.hexdigest()[:16]}"
    finished = kernels / name
    with exclusive(kernels / "uml-lock"):
        if not finished.exists():
            with (
                step("kernel of User-mode Linux (minutes, once)"),
                tempfile.TemporaryDirectory(dir=kernels, prefix=".new-") as scratch,
            ):
                tree = Path(scratch, "linux")
                tree.mkdir()
                kernel_source.extract(tree, exclude=_UNUSED)
                _build(tree, name)
                _prune(tree)
                tree.rename(finished)
    return finished


def _compiler() -> bytes:
    return subprocess.run([COMPILER, "--version"], capture_output=True, check=True).stdout


def _build(tree: Path, name: str) -> None:
    """`name` ends the kernel's release, so that no module of another build fits."""
    with _PATCH.open("rb") as patch:
        _run(tree, "patch", "-p1", stdin=patch.fileno())
    call = ("make", f"-j{os.cpu_count()}", "ARCH=um", f"LOCALVERSION=-{name}", *MAKE_ARGS)
    _run(tree, *call, f"KCONFIG_ALLCONFIG={_CONFIG}", "allnoconfig")
    written = (tree / ".config").read_text().splitlines()
    for line in _CONFIG.read_text().splitlines():
        if line.startswith("CONFIG_") and line not in written:
            raise SetupError(f"{_CONFIG.name}: {line} does not hold for this kernel")
    _run(tree, *call, "linux", "modules")


def _run(tree: Path, *command: str, stdin: int = subprocess.DEVNULL) -> None:
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
        raise SetupError(f"User-mode Linux does not build: {' '.join(command[:1])} says\n{end}")


def _prune(tree: Path) -> None:
    """Leave the kernel, and what external modules are built against."""
    for path in tree.iterdir():
        if path.is_dir() and path.name not in _KEPT:
            shutil.rmtree(path)
    for arch in (tree / "arch").iterdir():
        if arch.is_dir() and arch.name not in ("um", "x86"):
            shutil.rmtree(arch)
    for path in (tree / "arch").rglob("*.[co]"):
        path.unlink()
    for name in ("vmlinux", "vmlinux.o", "vmlinux.a", ".vmlinux.export.c"):
        (tree / name).unlink(missing_ok=True)

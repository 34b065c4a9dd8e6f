# SPDX-License-Identifier: GPL-2.0
"""The kernels of guests: an image to boot, headers to build against.

Debian's own for an emulator, and some built from its source: one for User-mode
Linux, and those that look for faults while they run (debug_kernel.py). Of
Debian's the cloud flavours, because they boot quickest and have all that a
guest needs built in. Nothing is installed: packages are downloaded and unpacked
into the cache, a folder for each package version, and reused from there for good.
"""

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from harness import apt_root, debug_kernel, kernel_build, uml_kernel
from harness.architectures import UML, Architecture, host_architecture
from harness.errors import UsageError
from harness.lock import exclusive
from harness.paths import cache_dir
from harness.progress import step

# Debian 12 calls its own series by no number, the one it carries besides by its number.
_METAPACKAGE_INFIX = {"6.1": "", "6.12": "6.12-"}

_LAYOUT = 1  # raise it when what lies in a kernel's folder changes


@dataclass(frozen=True)
class Kernel:
    """A kernel that can be booted and built against."""

    architecture: Architecture
    series: str
    release: str
    """What ``uname -r`` prints."""
    image: Path
    config: Path
    headers: Path
    """What ``make -C`` takes."""
    make_args: tuple[str, ...] = ()
    """What else make takes to build for it."""
    slowness: float = 1
    """What time limits are multiplied by."""
    memory: int = 1
    """What a guest's memory is multiplied by."""


def kernel(arch: Architecture, series: str | None = None) -> Kernel:
    """The kernel of a series ("6.1"), fetched or built if the cache has none.

    Raises SetupError where Debian's packages cannot be had.
    """
    series = series or arch.series[0]
    if series not in (*arch.series, *arch.debug_series):
        known = ", ".join((*arch.series, *arch.debug_series))
        raise UsageError(f"no kernel {series!r} for {arch.name}: choose one of {known}")
    if arch == UML:
        return _built(arch, series, uml_kernel.folder(series), uml_kernel.IMAGE)
    if series in arch.debug_series:
        folder, image = debug_kernel.folder(arch, series), debug_kernel.image(arch)
        machine = replace(arch, machine=debug_kernel.MACHINES[arch.name])
        built = _built(machine, series, folder, image)
        make_args = (*built.make_args, *debug_kernel.module_args(series))
        return replace(
            built,
            make_args=make_args,
            slowness=debug_kernel.slowness(series),
            memory=debug_kernel.memory(series),
        )
    return _debian(arch, series)


def _built(arch: Architecture, series: str, root: Path, image: Path) -> Kernel:
    return Kernel(
        architecture=arch,
        series=series,
        release=kernel_build.release(root),
        image=root / image,
        config=root / ".config",
        headers=root,
        make_args=kernel_build.make_args(arch),
    )


def _debian(arch: Architecture, series: str) -> Kernel:
    folder = cache_dir("kernels")
    record = folder / f"{arch.name}-{series}-v{_LAYOUT}.json"
    if not record.exists():
        with exclusive(apt_root.lock_file()):
            if not record.exists():
                apt_root.with_lists(lambda: _fetch(arch, series, folder, record))
    facts = json.loads(record.read_text())
    root = folder / facts["folder"]
    release = facts["release"]
    return Kernel(
        architecture=arch,
        series=series,
        release=release,
        image=root / "boot" / f"vmlinuz-{release}",
        config=root / "boot" / f"config-{release}",
        headers=root / "usr" / "src" / f"linux-headers-{release}",
    )


def _fetch(arch: Architecture, series: str, folder: Path, record: Path) -> None:
    infix = _METAPACKAGE_INFIX[series]
    suffix = f"cloud-{arch.debian}"
    with step(f"kernel {series} for {arch.name}"):
        (image,) = apt_root.depends(f"linux-image-{infix}{suffix}:{arch.debian}")
        (headers,) = apt_root.depends(f"linux-headers-{infix}{suffix}:{arch.debian}")
        release = image.removeprefix("linux-image-")
        more = apt_root.depends(f"{headers}:{arch.debian}")
        common = next(name for name in more if name.endswith("-common"))
        kbuild = next(name for name in more if name.startswith("linux-kbuild-"))
        version = apt_root.version(f"{image}:{arch.debian}")
        root = folder / f"{release}_{version}"
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as scratch:
            fetched, tree = Path(scratch, "debs"), Path(scratch, "tree")
            fetched.mkdir()
            tree.mkdir()
            apt_root.download(
                [
                    f"{image}:{arch.debian}",
                    f"{headers}:{arch.debian}",
                    f"{common}:all",
                    f"{kbuild}:{host_architecture()}",  # programs that run during the build
                ],
                fetched,
            )
            for package in sorted(fetched.iterdir()):
                if package.name.startswith("linux-image-"):
                    _unpack_boot(package, tree)
                else:
                    apt_root.unpack(package, tree)
            _point_home(tree / "usr" / "src" / f"linux-headers-{release}", root)
            if root.exists():
                shutil.rmtree(root)
            tree.rename(root)
    record.write_text(json.dumps({"release": release, "folder": root.name, "version": version}))


def _unpack_boot(package: Path, into: Path) -> None:
    """Take the boot folder of an image package, and leave its thousands of modules."""
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE
    ) as unpacker:
        subprocess.run(
            ["tar", "-x", "-C", str(into), "--wildcards", "./boot/*"],
            stdin=unpacker.stdout,
            check=True,
        )


def _point_home(headers: Path, root: Path) -> None:
    """Make the one absolute path in the headers' Makefile point below `root`."""
    makefile = headers / "Makefile"
    makefile.write_text(makefile.read_text().replace("/usr/src/", f"{root}/usr/src/"))

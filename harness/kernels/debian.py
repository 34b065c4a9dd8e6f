# SPDX-License-Identifier: GPL-2.0
"""Kernels as Debian packages them: downloaded, unpacked into the cache, never installed."""

import json
import shutil
import tempfile
from pathlib import Path

from harness.host import apt_root
from harness.host.architectures import Architecture, host_architecture
from harness.host.errors import SetupError
from harness.host.lock import exclusive
from harness.host.paths import cache_dir
from harness.host.progress import step
from harness.host.run import run
from harness.kernels.kernel import Kernel

# Names of packages have no number for Debian 12's own series.
_METAPACKAGE_INFIX = {"6.1": "", "6.12": "6.12-"}

_LAYOUT = 1  # raise it when the contents of a kernel's folder change


def kernel(arch: Architecture, series: str) -> Kernel:
    """Return the kernel of Debian's package of a series, fetched if the cache has none."""
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
    """Unpack the boot folder of an image package, and not its thousands of modules."""
    with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
        run(["dpkg-deb", "-R", package, scratch], error=SetupError)
        Path(scratch, "boot").rename(into / "boot")


def _point_home(headers: Path, root: Path) -> None:
    """Change the one absolute path in the headers' Makefile, so that it is below `root`."""
    makefile = headers / "Makefile"
    makefile.write_text(makefile.read_text().replace("/usr/src/", f"{root}/usr/src/"))

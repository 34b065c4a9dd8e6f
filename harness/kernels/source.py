# SPDX-License-Identifier: GPL-2.0
"""Kernel source of Debian's package, kept in the cache as one archive."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.host import apt_root
from harness.host.errors import SetupError
from harness.host.lock import exclusive
from harness.host.paths import cache_dir
from harness.host.progress import step
from harness.host.run import run

_PACKAGE = "linux-source-6.12"


def archive() -> Path:
    """Return the archive, named after the package's version; fetched if the cache has none."""
    folder = cache_dir("kernels")
    if not _found(folder):
        with exclusive(apt_root.lock_file()):
            if not _found(folder):
                apt_root.with_lists(lambda: _fetch(folder))
    return _found(folder)[-1]


def extract(into: Path, members: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
    """Unpack `members` of the archive, or all files that match no pattern in `exclude`.

    Names are relative to the archive's top folder. A member that ends in a slash is a folder
    with its contents.
    """
    only = [f"{_PACKAGE}/{name}" for name in members]
    if only and not any(name.endswith("/") for name in only):
        only.insert(0, "--occurrence=1")  # tar ends at the last member
    run(
        [
            *("tar", "-xJf", archive(), "-C", into, "--strip-components=1"),
            *(f"--exclude={_PACKAGE}/{pattern}" for pattern in exclude),
            *only,
        ],
        error=SetupError,
    )


def _found(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_PACKAGE}_*.tar.xz"))


def _fetch(folder: Path) -> None:
    with (
        step("kernel source"),
        tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as scratch,
    ):
        (package,) = apt_root.download([f"{_PACKAGE}:all"], Path(scratch))
        apt_root.unpack(package, Path(scratch))
        (found,) = Path(scratch, "usr", "src").glob("linux-source-*.tar.xz")
        found.rename(folder / f"{package.stem}.tar.xz")

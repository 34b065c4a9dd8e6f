# SPDX-License-Identifier: GPL-2.0
"""Packages of any Debian architecture, downloaded and unpacked, never installed.

apt has a state of its own in the cache. It trusts the system's sources and keys, knows both guest
architectures, needs no root, and does not change the system's list of architectures.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from debian.deb822 import Packages

from harness.host.architectures import ARCHITECTURES, host_architecture
from harness.host.errors import SetupError
from harness.host.paths import cache_dir
from harness.host.progress import say, step
from harness.host.run import run

LISTS_AGE = 24 * 3600
"""Age in seconds from which package lists are fetched again before a download."""


def _options(root: Path) -> list[str]:
    settings = {
        "APT::Architecture": host_architecture(),
        "Dir::State": str(root / "state"),
        "Dir::State::status": str(root / "status"),
        "Dir::Cache": str(root / "cache"),
        "Dir::Cache::pkgcache": "pkgcache.bin",
        "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Update::Post-Invoke-Success": "",
    }
    options = [f"-o{key}={value}" for key, value in settings.items()]
    options += [f"-oAPT::Architectures::={arch.debian}" for arch in ARCHITECTURES.values()]
    if os.geteuid() == 0:
        options.append("-oAPT::Sandbox::User=root")
    return options


def _run(tool: str, arguments: Sequence[str], cwd: Path | None = None) -> str:
    root = cache_dir("apt")
    (root / "state" / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (root / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    (root / "status").touch()
    return run(
        [tool, *_options(root), *arguments],
        what=" ".join([tool, *arguments[:3]]),
        error=SetupError,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C"},
    ).text


def update(force: bool = False) -> None:
    """Fetch the package lists if they are old, or in any case with `force`."""
    stamp = cache_dir("apt") / "updated"
    if not force and stamp.exists() and time.time() - stamp.stat().st_mtime < LISTS_AGE:
        return
    with step("package lists"):
        try:
            _run("apt-get", ["-q", "update"])
        except SetupError as error:
            # The source that failed may not matter; a missing package is reported later.
            say(str(error))
            return
    stamp.touch()


def with_lists(fetch: Callable[[], None]) -> None:
    """Call `fetch` after fetching old package lists, and once more with new ones if it fails.

    Debian's servers remove a package some time after a newer version appears.
    """
    update()
    try:
        fetch()
    except SetupError:
        update(force=True)
        fetch()


def _newest(package: str) -> Packages:
    """Return the record of the newest ``name:architecture``."""
    missing = SetupError(
        f"apt knows no package {package}: its sources must have bookworm and bookworm-security"
    )
    try:
        shown = _run("apt-cache", ["show", "--no-all-versions", package])
    except SetupError as error:
        raise missing from error
    paragraph = Packages(shown)
    if "Version" not in paragraph:
        raise missing
    return paragraph


def depends(package: str) -> list[str]:
    """Return the packages that the newest ``name:architecture`` depends on, first choices only."""
    return [str(choices[0]["name"]) for choices in _newest(package).relations["depends"]]


def version(package: str) -> str:
    """Return the newest version of ``name:architecture``."""
    return str(_newest(package)["Version"])


def download(packages: Sequence[str], into: Path) -> list[Path]:
    """Download ``name:architecture`` packages; return the .deb files."""
    before = set(into.iterdir())
    _run("apt-get", ["-q", "download", *packages], cwd=into)
    return sorted(set(into.iterdir()) - before)


def unpack(package: Path, into: Path) -> None:
    """Unpack a .deb below the folder `into`."""
    run(["dpkg-deb", "-x", package, into], error=SetupError)


def lock_file() -> Path:
    """Return the lock file that users of this module hold: see :mod:`harness.host.lock`."""
    return cache_dir("apt") / "lock"

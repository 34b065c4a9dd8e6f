# SPDX-License-Identifier: GPL-2.0
"""Packages of any Debian architecture, downloaded and unpacked, never installed.

A private apt state in the cache folder: it trusts the system's own sources and
keys, knows both guest architectures, needs no root, and leaves the system's
list of architectures alone.
"""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from debian.deb822 import Packages

from harness.host.architectures import ARCHITECTURES, host_architecture
from harness.host.errors import SetupError
from harness.host.paths import cache_dir
from harness.host.progress import say, step

LISTS_AGE = 24 * 3600
"""Seconds after which the package lists are fetched anew before a download."""


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
    done = subprocess.run(
        [tool, *_options(root), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
        raise SetupError(f"{tool} {' '.join(arguments[:3])}: {reason[0]}")
    return done.stdout


def update(force: bool = False) -> None:
    """Fetch the package lists, unless they are fresh and it is not forced."""
    stamp = cache_dir("apt") / "updated"
    if not force and stamp.exists() and time.time() - stamp.stat().st_mtime < LISTS_AGE:
        return
    with step("package lists"):
        try:
            _run("apt-get", ["-q", "update"])
        except SetupError as error:
            # A source besides Debian's may be at fault; what is missing will be named.
            say(str(error))
            return
    stamp.touch()


def with_lists(fetch: Callable[[], None]) -> None:
    """Call `fetch` with package lists at hand, and once more with new ones if it fails.

    Debian drops a package from its servers some time after a newer one came.
    """
    update()
    try:
        fetch()
    except SetupError:
        update(force=True)
        fetch()


def _newest(package: str) -> Packages:
    """Return the facts of apt about the newest ``name:architecture``."""
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
    """Names of the packages that the newest `package` depends on, first choices only.

    `package` is ``name:architecture``.
    """
    return [str(choices[0]["name"]) for choices in _newest(package).relations["depends"]]


def version(package: str) -> str:
    """The newest version of ``name:architecture``."""
    return str(_newest(package)["Version"])


def download(packages: Sequence[str], into: Path) -> list[Path]:
    """Download ``name:architecture`` packages; returns the .deb files."""
    before = set(into.iterdir())
    _run("apt-get", ["-q", "download", *packages], cwd=into)
    return sorted(set(into.iterdir()) - before)


def unpack(package: Path, into: Path) -> None:
    """Unpack a .deb below the folder `into`."""
    subprocess.run(["dpkg-deb", "-x", str(package), str(into)], check=True)


def lock_file() -> Path:
    """Held by the users of this module, through :func:`harness.host.lock.exclusive`."""
    return cache_dir("apt") / "lock"

# SPDX-License-Identifier: GPL-2.0
"""llama-cpp-python, built for this machine's processor in a Python environment of its own."""

import os
import subprocess
import sys
from pathlib import Path

from harness.host import packages
from harness.host.errors import SetupError
from harness.host.lock import exclusive
from harness.host.paths import cache_dir
from harness.host.progress import say, step

REQUIREMENT = "llama-cpp-python==0.3.36"
CMAKE_ARGS = "-DGGML_NATIVE=ON"
PACKAGES = ("gcc", "g++", "make", "libc6-dev")
_MADE_FROM = f"{REQUIREMENT} {CMAKE_ARGS}\n"


def python() -> Path:
    """Return the environment's Python; build the environment if there is none.

    SetupError if that fails.
    """
    folder = cache_dir("peer")
    interpreter = folder / "bin" / "python"
    if not _made(folder):
        with exclusive(folder.parent / "peer.lock"):
            if not _made(folder):
                _make(folder, interpreter)
    return interpreter


def _made(folder: Path) -> bool:
    marker = folder / "made-from"
    return marker.exists() and marker.read_text() == _MADE_FROM


def _make(folder: Path, interpreter: Path) -> None:
    packages.ensure(PACKAGES)
    say(f"building {REQUIREMENT} for this processor: some minutes, once")
    log = folder.parent / "peer.log"
    with step(REQUIREMENT), log.open("w") as output:
        pip = [str(interpreter), "-m", "pip", "install", "--disable-pip-version-check"]
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            # A wheel from elsewhere would not be built for this processor.
            [*pip, "--no-binary=llama-cpp-python", "--no-cache-dir", REQUIREMENT],
        ):
            done = subprocess.run(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "CMAKE_ARGS": CMAKE_ARGS},
                check=False,
            )
            if done.returncode:
                last = (log.read_text().strip().splitlines() or ["no output"])[-1]
                raise SetupError(f"{REQUIREMENT} cannot be built; all of it in {log}: {last}")
    (folder / "made-from").write_text(_MADE_FROM)

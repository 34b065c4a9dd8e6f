# SPDX-License-Identifier: GPL-2.0
"""The kernel's own style checker, from Debian's package of the kernel source."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.host.paths import ROOT, cache_dir
from harness.host.progress import step
from harness.kernels import source

_SCRIPTS = ("checkpatch.pl", "const_structs.checkpatch", "spelling.txt")


def script() -> Path:
    """checkpatch.pl beside the lists it reads, taken from the source if the cache has none."""
    folder = cache_dir("checkpatch")
    if not all((folder / name).exists() for name in _SCRIPTS):
        with (
            step("checkpatch from the kernel source"),
            tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as scratch,
        ):
            source.extract(Path(scratch), [f"scripts/{name}" for name in _SCRIPTS])
            for name in _SCRIPTS:
                Path(scratch, "scripts", name).rename(folder / name)
    return folder / _SCRIPTS[0]


def report(files: Sequence[Path]) -> str:
    """Return findings of checkpatch about files, a line each."""
    command = ["perl", str(script()), "--no-tree", "--strict", "--terse", "--quiet"]
    command += ["--show-types", "--no-summary", "--max-line-length=100"]
    done = subprocess.run(
        [*command, "--file", *(os.path.relpath(path, ROOT) for path in files)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    return done.stdout

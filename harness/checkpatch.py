# SPDX-License-Identifier: GPL-2.0
"""The kernel's own style checker, from Debian's package of the kernel source."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness import kernel_source
from harness.paths import ROOT, cache_dir
from harness.progress import step

_SCRIPTS = ("checkpatch.pl", "const_structs.checkpatch", "spelling.txt")


def script() -> Path:
    """checkpatch.pl beside the lists it reads, taken from the source if the cache has none."""
    folder = cache_dir("checkpatch")
    if not all((folder / name).exists() for name in _SCRIPTS):
        with (
            step("checkpatch from the kernel source"),
            tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as scratch,
        ):
            kernel_source.extract(Path(scratch), [f"scripts/{name}" for name in _SCRIPTS])
            for name in _SCRIPTS:
                Path(scratch, "scripts", name).rename(folder / name)
    return folder / _SCRIPTS[0]


def complaints(files: Sequence[Path], ignore: Sequence[str] = ()) -> list[str]:
    """What checkpatch has to say about files, a line each; `ignore` names types of message."""
    command = ["perl", str(script()), "--no-tree", "--terse", "--quiet", "--show-types"]
    command += ["--no-summary", "--max-line-length=100"]
    command += [f"--ignore={','.join(ignore)}"] if ignore else []
    done = subprocess.run(
        [*command, "--file", *(str(path) for path in files)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    return [line for line in done.stdout.splitlines() if ": ERROR:" in line or ": WARNING:" in line]

# SPDX-License-Identifier: GPL-2.0
"""The kernel's own reader of documentation in comments, which comes with its headers."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.host.errors import HarnessError
from harness.host.paths import ROOT
from harness.kernels.kernel import Kernel


def report(files: Sequence[Path], target: Kernel) -> str:
    """Return findings of kernel-doc about files, a line each."""
    command = ["perl", str(target.headers / "scripts" / "kernel-doc"), "-none", "-Wall"]
    done = subprocess.run(
        [*command, *(os.path.relpath(path, ROOT) for path in files)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        raise HarnessError(f"kernel-doc failed:\n{done.stderr}")
    return done.stderr

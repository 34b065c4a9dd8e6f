# SPDX-License-Identifier: GPL-2.0
"""List of the repository's files."""

import subprocess
from pathlib import Path

from harness.host.paths import ROOT


def tracked(root: Path = ROOT) -> list[Path]:
    """Return the files that git tracks and that exist."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, stdout=subprocess.PIPE, check=True
    ).stdout.decode()
    return [path for name in listed.split("\0") if name and (path := root / name).is_file()]

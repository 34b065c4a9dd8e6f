# SPDX-License-Identifier: GPL-2.0
"""Files of the repository."""

import subprocess
from pathlib import Path

from harness.host.paths import ROOT


def tracked(root: Path = ROOT) -> list[Path]:
    """Files that git knows and that are there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, stdout=subprocess.PIPE, check=True
    ).stdout.decode()
    return [path for name in listed.split("\0") if name and (path := root / name).is_file()]

# SPDX-License-Identifier: GPL-2.0
"""Folders of the repository, and the cache."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""Folder of the repository."""

CORE = ROOT / "kmod" / "ggml_kernel"
"""Folder of the portable integer core."""

INCLUDE = ROOT / "kmod" / "include"
"""Folder of headers for programs and other modules."""

GUEST_PROGRAMS = ROOT / "harness" / "programs" / "guest"
"""Folder of C programs that run in guests."""

HOST_PROGRAMS = ROOT / "harness" / "programs" / "host"
"""Folder of C programs that exercise the core on the host."""

LIBRARY = ROOT / "libllamux"
"""Folder of the C client."""


def cache_dir(*parts: str) -> Path:
    """Return a folder below the cache, made if missing.

    The cache is ``$LLAMUX_CACHE``, else ``$XDG_CACHE_HOME/llamux``, else ``~/.cache/llamux``.
    """
    base = os.environ.get("LLAMUX_CACHE")
    root = (
        Path(base)
        if base
        else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "llamux"
    )
    path = root.joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path

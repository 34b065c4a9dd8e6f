# SPDX-License-Identifier: GPL-2.0
"""Where things lie."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""

CORE = ROOT / "kmod" / "ggml_kernel"
"""The portable integer core."""

INCLUDE = ROOT / "kmod" / "include"
"""Headers for programs and other modules."""

GUEST_PROGRAMS = ROOT / "harness" / "programs" / "guest"
"""C programs that run in guests: probes, and a folder for each larger program."""

HOST_PROGRAMS = ROOT / "harness" / "programs" / "host"
"""C programs that exercise the core and the C client on the host."""

LIBRARY = ROOT / "libllamux"
"""The C client."""


def cache_dir(*parts: str) -> Path:
    """A folder below the one cache folder, made if missing.

    ``$LLAMUX_CACHE``, else ``$XDG_CACHE_HOME/llamux``, else ``~/.cache/llamux``.
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

# SPDX-License-Identifier: GPL-2.0
"""Environment for calls of make, also if make runs this process."""

import os

_FROM_ABOVE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARCH", "KDIR")


def environment() -> dict[str, str]:
    """Return this process's environment in English, without the variables of a make above it."""
    kept = {key: value for key, value in os.environ.items() if key not in _FROM_ABOVE}
    return kept | {"LC_ALL": "C"}

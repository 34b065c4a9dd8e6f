# SPDX-License-Identifier: GPL-2.0
"""Calls of make that a make above this process does not change."""

import os

_FROM_ABOVE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARCH", "KDIR")


def environment() -> dict[str, str]:
    """This process's environment less what a make above it has set, and in English."""
    kept = {key: value for key, value in os.environ.items() if key not in _FROM_ABOVE}
    return kept | {"LC_ALL": "C"}

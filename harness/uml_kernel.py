# SPDX-License-Identifier: GPL-2.0
"""The kernel of User-mode Linux guests: images/uml.config and images/uml.patch."""

from pathlib import Path

from harness import kernel_build
from harness.architectures import UML
from harness.paths import ROOT

IMAGE = Path("linux")
"""The kernel, below its folder."""

_RECIPE = kernel_build.Recipe(
    name="uml",
    title="kernel of User-mode Linux",
    architecture=UML,
    kept_arch=("um", "x86"),
    targets=("linux", "modules"),
    configs=(ROOT / "images" / "uml.config",),
    patch=ROOT / "images" / "uml.patch",
)


def folder() -> Path:
    """Where the kernel lies; built if the cache has none."""
    return kernel_build.folder(_RECIPE)

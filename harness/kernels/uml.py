# SPDX-License-Identifier: GPL-2.0
"""Kernels of User-mode Linux guests, from images/uml.config and images/uml.patch."""

from pathlib import Path

from harness.host.architectures import UML
from harness.host.paths import ROOT
from harness.kernels import build

IMAGE = Path("linux")
"""The kernel, below its folder."""

_IMAGES = ROOT / "images"


def folder(series: str) -> Path:
    """Where a kernel lies; built if the cache has none. One that watches memory has a name."""
    names = ["uml", *(f"uml-{kind}" for kind in series.split("-")[1:])]
    return build.folder(
        build.Recipe(
            name=names[-1],
            title=f"kernel {series} of User-mode Linux",
            architecture=UML,
            kept_arch=("um", "x86"),
            targets=("linux", "modules"),
            configs=tuple(_IMAGES / f"{name}.config" for name in names),
            patch=_IMAGES / "uml.patch",
        )
    )

# SPDX-License-Identifier: GPL-2.0
"""Kernels of User-mode Linux guests: images/uml*.config and images/uml.patch."""

from pathlib import Path

from harness.host.architectures import UML
from harness.host.paths import ROOT
from harness.kernels import build

IMAGE = Path("linux")
"""Path of the kernel below its folder."""

_IMAGES = ROOT / "images"


def folder(series: str) -> Path:
    """Return the folder of the kernel of a series ("6.12-kasan"), built if the cache has none."""
    names = ["uml", *(f"uml-{kind}" for kind in series.split("-")[1:])]
    return build.folder(
        build.KernelRecipe(
            name=names[-1],
            title=f"kernel {series} of User-mode Linux",
            architecture=UML,
            kept_arch=("um", "x86"),
            targets=("linux", "modules"),
            configs=tuple(_IMAGES / f"{name}.config" for name in names),
            patch=_IMAGES / "uml.patch",
        )
    )

# SPDX-License-Identifier: GPL-2.0
"""The kernels of guests: an image to boot, headers to build against.

Debian's own for an emulator, and some built from its source: one for User-mode
Linux, and those that look for faults while they run (debug.py). Of
Debian's the cloud flavours, because they boot quickest and have all that a
guest needs built in. Nothing is installed: packages are downloaded and unpacked
into the cache, a folder for each package version, and reused from there for good.
"""

from dataclasses import replace
from pathlib import Path

from harness.host.architectures import UML, Architecture
from harness.host.errors import UsageError
from harness.kernels import build, debian, debug, uml
from harness.kernels.kernel import Kernel


def kernel(arch: Architecture, series: str | None = None) -> Kernel:
    """The kernel of a series ("6.1"), fetched or built if the cache has none.

    Raises SetupError where Debian's packages cannot be had.
    """
    series = series or arch.series[0]
    if series not in (*arch.series, *arch.debug_series):
        known = ", ".join((*arch.series, *arch.debug_series))
        raise UsageError(f"no kernel {series!r} for {arch.name}: choose one of {known}")
    if arch == UML:
        return _built(arch, series, uml.folder(series), uml.IMAGE)
    if series in arch.debug_series:
        folder, image = debug.folder(arch, series), debug.image(arch)
        machine = replace(arch, machine=debug.MACHINES[arch.name])
        built = _built(machine, series, folder, image)
        make_args = (*built.make_args, *debug.module_args(series))
        return replace(
            built,
            make_args=make_args,
            slowness=debug.slowness(series),
            memory=debug.memory(series),
        )
    return debian.kernel(arch, series)


def _built(arch: Architecture, series: str, root: Path, image: Path) -> Kernel:
    return Kernel(
        architecture=arch,
        series=series,
        release=build.release(root),
        image=root / image,
        config=root / ".config",
        headers=root,
        make_args=build.make_args(arch),
    )

# SPDX-License-Identifier: GPL-2.0
"""Kernels that look for faults while they run: images/debug.* and two files more.

``6.12-kasan`` watches memory (KASAN, kmemleak), locks (lockdep) and sleeping, and
can make allocations fail. ``6.12-kcsan`` looks for data races in the module.
``6.12-latency`` measures for how long nobody else could have a processor.
"""

from dataclasses import dataclass
from pathlib import Path

from harness.host.architectures import Architecture
from harness.host.paths import ROOT
from harness.kernels import build

_CONFIGS = ROOT / "images"

_BOOT = {"x86_64": ("x86", "bzImage"), "aarch64": ("arm64", "Image")}
"""For each architecture its folder below arch, and what is made there to boot."""

# The machine `pc` tells of its interrupts by a program, which these kernels take so long over
# that they may give it up. That of `q35` is a table.
MACHINES = {"x86_64": "q35", "aarch64": "virt"}
"""What QEMU emulates."""


@dataclass(frozen=True)
class _Kind:
    """Differences between kinds of debug kernels, beside the configuration."""

    make_args: tuple[str, ...] = ()
    """Arguments of make for the kernel itself."""
    module_args: tuple[str, ...] = ()
    """And for the module."""
    slowness: float = 1
    """How many times as long as elsewhere something may take."""
    memory: int = 1
    """How many times as much as elsewhere a guest gets: shadows, and what was freed of late."""


# A variable never set is no zero by luck.
_PATTERN = ("KCFLAGS=-ftrivial-auto-var-init=pattern",)

# Undefined arithmetic and races of the kernel's own are not looked for: every such report is
# about the module, and the rest is as fast as ever. A race with the kernel is seen from the
# module's side.
_KINDS = {
    "kasan": _Kind(("UBSAN_SANITIZE=n",), _PATTERN, slowness=10, memory=2),
    "kcsan": _Kind(("KCSAN_SANITIZE=n",), _PATTERN, slowness=10),
    "latency": _Kind(slowness=3),
}


def slowness(series: str) -> float:
    """Return the factor of time limits."""
    return _kind(series).slowness


def memory(series: str) -> int:
    """Return the factor of a guest's memory."""
    return _kind(series).memory


def module_args(series: str) -> tuple[str, ...]:
    """Return further arguments of make for the module."""
    return _kind(series).module_args


def image(arch: Architecture) -> Path:
    """The kernel, below its folder."""
    folder, name = _BOOT[arch.name]
    return Path("arch", folder, "boot", name)


def folder(arch: Architecture, series: str) -> Path:
    """Where a kernel of Architecture.debug_series lies; built if the cache has none."""
    name = series.rpartition("-")[2]
    kept, target = _BOOT[arch.name]
    recipe = build.Recipe(
        name=f"debug-{name}" if arch.name == "x86_64" else f"debug-{name}-{arch.name}",
        title=f"kernel {series} for {arch.name}",
        architecture=arch,
        kept_arch=(kept,),
        targets=(target, "modules"),
        configs=tuple(
            _CONFIGS / f"{part}.config" for part in ("debug", f"debug-{arch.name}", f"debug-{name}")
        ),
        patch=_CONFIGS / "debug.patch",
        make_args=_kind(series).make_args,
    )
    return build.folder(recipe)


def _kind(series: str) -> _Kind:
    return _KINDS[series.rpartition("-")[2]]

# SPDX-License-Identifier: GPL-2.0
"""Debug kernels, which detect faults while they run: images/debug*.config.

``6.12-kasan`` checks memory (KASAN, kmemleak), locks (lockdep) and sleeping, and can make
allocations fail. ``6.12-kcsan`` detects data races in the module. ``6.12-latency`` measures
how long preemption or interrupts are off.
"""

from dataclasses import dataclass
from pathlib import Path

from harness.host.architectures import Architecture
from harness.host.paths import ROOT
from harness.kernels import build

_CONFIGS = ROOT / "images"

_BOOT = {"x86_64": ("x86", "bzImage"), "aarch64": ("arm64", "Image")}
"""Folder below arch, and name of the boot image there, by architecture."""

# The machine `pc` describes its interrupts by ACPI byte code, which these slow kernels may give
# up to interpret. `q35` has a table.
MACHINES = {"x86_64": "q35", "aarch64": "virt"}
"""Machine that QEMU emulates, by architecture."""


@dataclass(frozen=True)
class _DebugKind:
    """Differences between debug kernels, besides their configuration."""

    make_args: tuple[str, ...] = ()
    """Further arguments of make for the kernel."""
    module_args: tuple[str, ...] = ()
    """Further arguments of make for the module."""
    slowness: float = 1
    """Factor of time limits."""
    memory: int = 1
    """Factor of a guest's memory: KASAN needs shadow memory and keeps freed memory for a while."""


# Gives variables that are never set a value other than zero.
_PATTERN = ("KCFLAGS=-ftrivial-auto-var-init=pattern",)

# The kernel itself is compiled without UBSAN and KCSAN: every report is about the module then,
# and the kernel stays fast. A race between kernel and module is detected in the module.
_KINDS = {
    "kasan": _DebugKind(("UBSAN_SANITIZE=n",), _PATTERN, slowness=10, memory=2),
    "kcsan": _DebugKind(("KCSAN_SANITIZE=n",), _PATTERN, slowness=10),
    "latency": _DebugKind(slowness=3),
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
    """Return the boot image's path below the kernel's folder."""
    folder, name = _BOOT[arch.name]
    return Path("arch", folder, "boot", name)


def folder(arch: Architecture, series: str) -> Path:
    """Return the folder of a debug kernel, built if the cache has none."""
    name = series.rpartition("-")[2]
    kept, target = _BOOT[arch.name]
    recipe = build.KernelRecipe(
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


def _kind(series: str) -> _DebugKind:
    return _KINDS[series.rpartition("-")[2]]

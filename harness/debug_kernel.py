# SPDX-License-Identifier: GPL-2.0
"""Kernels that look for faults while they run: images/debug.config and one file more.

``6.12-kasan`` watches memory (KASAN, kmemleak), locks (lockdep) and sleeping, and
can make allocations fail. ``6.12-kcsan`` looks for data races in the module.
"""

from pathlib import Path

from harness import kernel_build
from harness.architectures import ARCHITECTURES
from harness.paths import ROOT

IMAGE = Path("arch", "x86", "boot", "bzImage")
"""The kernel, below its folder."""

SLOWNESS = 10
"""How many times as long as elsewhere something may take."""

_IMAGES = ROOT / "images"

# Undefined arithmetic and races of the kernel's own are not looked for: every such report is
# about the module, and the rest is as fast as ever. A race with the kernel is seen from the
# module's side.
_MAKE_ARGS = {"kasan": ("UBSAN_SANITIZE=n",), "kcsan": ("KCSAN_SANITIZE=n",)}

MODULE_ARGS = ("KCFLAGS=-ftrivial-auto-var-init=pattern",)
"""What make is handed for the module: a variable never set is no zero by luck."""


def folder(series: str) -> Path:
    """Where a kernel of Architecture.debug_series lies; built if the cache has none."""
    kind = series.rpartition("-")[2]
    recipe = kernel_build.Recipe(
        name=f"debug-{kind}",
        title=f"kernel {series}",
        arch=ARCHITECTURES["x86_64"].kbuild,
        kept_arch=("x86",),
        targets=("bzImage", "modules"),
        configs=(_IMAGES / "debug.config", _IMAGES / f"debug-{kind}.config"),
        make_args=(*kernel_build.MAKE_ARGS, *_MAKE_ARGS[kind]),
    )
    return kernel_build.folder(recipe)

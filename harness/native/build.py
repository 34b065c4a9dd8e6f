# SPDX-License-Identifier: GPL-2.0
"""The core's C files, the flags of each, and the core as a shared library."""

import os
import platform
from pathlib import Path

from harness.host.paths import CORE, ROOT
from harness.native.objects import Toolchain, Unit, linked

NATIVE = ROOT / "harness" / "native"
"""Wrappers around the core."""

INCLUDES = (CORE, NATIVE)
"""Folders of headers."""

FLAGS = (
    "-std=gnu11",
    "-O2",
    "-g",
    "-fPIC",
    "-Wall",
    "-Wextra",
    "-Wno-missing-field-initializers",
)

AVX512 = ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512vnni")


def _vnni_flags() -> tuple[str, ...]:
    """Return the flags for AVX-VNNI, in AVX-512's encoding if this machine has only that one."""
    words = set(Path("/proc/cpuinfo").read_text().split())
    if "avx_vnni" in words or "avx512_vnni" not in words:
        return ("-mavx2", "-mavxvnni")
    return ("-mavx2", *AVX512)


X86_FLAGS = {
    # Without -fno-tree-ter gcc computes a whole block before it uses any of it, and spills it.
    "tile_avx2": ("-fno-tree-ter", "-mavx2"),
    "tile_avxvnni": ("-fno-tree-ter", *_vnni_flags()),
    "tile_avx512": ("-fno-tree-ter", *AVX512),
    "vector_avx2": ("-O3", "-mavx2"),
    "vector_avx512": ("-O3", "-mprefer-vector-width=512", *AVX512),
}

ARM_FLAGS = {
    "tile_neon": ("-fno-tree-ter",),
    "tile_dotprod": ("-fno-tree-ter", "-march=armv8.2-a+dotprod"),
    "tile_i8mm": ("-fno-tree-ter", "-march=armv8.2-a+dotprod+i8mm"),
    "vector_neon": ("-O3",),
}

SIMD_FLAGS: dict[str, tuple[str, ...]] = X86_FLAGS | ARM_FLAGS
"""Flags of the files for one instruction set, by stem."""


def units(machine: str = platform.machine()) -> list[Unit]:
    """Return the C files that a machine can compile: the core's and the wrappers around it."""
    other = ARM_FLAGS if machine == "x86_64" else X86_FLAGS
    found = sorted([*CORE.rglob("*.c"), *NATIVE.glob("*.c")])
    return [Unit(f, SIMD_FLAGS.get(f.stem, ())) for f in found if f.stem not in other]


def build_library() -> Path:
    """Return the shared library, compiled if its content is new; or $LLAMUX_LIBRARY."""
    if given := os.environ.get("LLAMUX_LIBRARY"):
        return Path(given)
    toolchain = Toolchain("gcc", FLAGS, INCLUDES)
    return linked(toolchain, units(), "libllamux", ["-shared"])

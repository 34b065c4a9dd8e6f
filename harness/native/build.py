# SPDX-License-Identifier: GPL-2.0
"""The core as a shared library, compiled once for each content."""

import hashlib
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.host.errors import HarnessError
from harness.host.paths import CORE, ROOT, cache_dir

NATIVE = ROOT / "harness" / "native"

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
    """AVX-VNNI; AVX-512's encoding of it for a processor that has only that one."""
    words = set(Path("/proc/cpuinfo").read_text().split())
    if "avx_vnni" in words or "avx512_vnni" not in words:
        return ("-mavx2", "-mavxvnni")
    return ("-mavx2", *AVX512)


X86_FLAGS = {
    # Without -fno-tree-ter gcc computes all of a block before it uses any, and spills it.
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
"""Of files for one instruction set, by stem."""


def sources(machine: str = platform.machine()) -> list[Path]:
    """The core's C files that a machine can compile, and the wrappers around them."""
    other = ARM_FLAGS if machine == "x86_64" else X86_FLAGS
    found = sorted([*CORE.rglob("*.c"), *NATIVE.glob("*.c")])
    return [f for f in found if f.stem not in other]


def headers() -> list[Path]:
    """What those files include, of this repository."""
    return sorted([*CORE.glob("**/*.h"), *NATIVE.glob("*.h"), *(CORE.parent / "tests").glob("*.h")])


def include_flags() -> list[str]:
    """Return the compiler's folders of headers; objects are cached without these."""
    return [f"-I{CORE}", f"-I{NATIVE}"]


def flags_of(source: Path) -> tuple[str, ...]:
    """What a file needs beyond :data:`FLAGS`."""
    return SIMD_FLAGS.get(source.stem, ())


def _compiler() -> str:
    cc = shutil.which("gcc")
    if cc is None:
        raise HarnessError("gcc is missing: run `make venv`, or apt-get install gcc")
    return cc


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HarnessError(f"{command[0]} failed:\n{done.stderr}")


def build_library() -> Path:
    """Compile the shared library where its content is new; objects are kept one by one."""
    cc = _compiler()
    common = hashlib.sha256("\0".join((cc, *FLAGS)).encode())
    for header in headers():
        common.update(header.name.encode() + b"\0" + header.read_bytes())
    whole = common.copy()
    objects: list[tuple[Path, Path]] = []
    for source in sources():
        digest = common.copy()
        digest.update(" ".join(flags_of(source)).encode() + source.read_bytes())
        whole.update(source.name.encode() + digest.digest())
        objects.append(
            (source, cache_dir("native", "objects") / f"{source.stem}-{digest.hexdigest()[:16]}.o")
        )
    target = cache_dir("native") / f"libllamux-{whole.hexdigest()[:16]}.so"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        for source, output in objects:
            if not output.exists():
                temporary = Path(folder) / f"{source.parent.name}-{output.name}"
                flags = [*include_flags(), *flags_of(source)]
                _run([cc, *FLAGS, *flags, "-c", source, "-o", temporary])
                temporary.replace(output)
        library_file = Path(folder) / "library.so"
        _run([cc, "-shared", *(o for _, o in objects), "-o", library_file])
        library_file.replace(target)
    return target

# SPDX-License-Identifier: GPL-2.0
"""Executables of the core with sanitizers, built once for each content.

A sanitizer's runtime wants to be there from the start of a process, so what
it checks runs as a program of its own rather than inside Python.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.paths import CORE, ROOT, cache_dir

NATIVE = ROOT / "harness" / "native"

FLAGS = (
    "-std=gnu11",
    "-O1",
    "-g",
    "-Wall",
    "-Wextra",
    "-fno-omit-frame-pointer",
    "-fno-sanitize-recover=all",
)

ENVIRONMENT = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


def sources() -> list[Path]:
    """The core's C files, with the wrappers around them."""
    return sorted([*CORE.glob("*.c"), *NATIVE.glob("*.c")])


def _digest(files: Sequence[Path], flags: Sequence[str]) -> str:
    headers = [*CORE.glob("*.h"), *CORE.glob("generated/*.h"), *NATIVE.glob("*.h")]
    h = hashlib.sha256("\0".join(flags).encode())
    for path in sorted([*files, *headers]):
        h.update(path.name.encode() + b"\0" + path.read_bytes())
    return h.hexdigest()[:20]


def executable(
    program: Path, sanitizers: str = "address,undefined", compiler: str = "clang"
) -> Path:
    """Build ``program`` with the core and its wrappers; cached by content.

    Objects are cached one by one, so that a change costs one file's time.
    """
    cc = shutil.which(compiler)
    if cc is None:
        raise HarnessError(f"{compiler} is missing: apt-get install {compiler}")
    flags = [cc, *FLAGS, f"-fsanitize={sanitizers}", f"-I{CORE}", f"-I{NATIVE}"]
    objects_flags = [f.replace("fuzzer", "fuzzer-no-link") for f in flags]
    folder = cache_dir("sanitized")
    files = [*sources(), program]
    target = folder / f"{program.stem}-{_digest(files, flags)}"
    if target.exists():
        return target
    objects = []
    for path in files:
        obj = folder / f"{path.stem}-{_digest([path], objects_flags)}.o"
        if not obj.exists():
            _run([*objects_flags, "-c", str(path), "-o"], obj)
        objects.append(str(obj))
    _run([*flags, *objects, "-lpthread", "-o"], target)
    return target


def _run(command: Sequence[str], target: Path) -> None:
    """Write ``target`` by ``command``, all at once or not at all."""
    temporary = target.with_name(f"{target.name}.{os.getpid()}")
    done = subprocess.run([*command, str(temporary)], capture_output=True, text=True, check=False)
    if done.returncode:
        temporary.unlink(missing_ok=True)
        raise HarnessError(f"building {target.name} failed:\n{done.stderr}")
    temporary.rename(target)


def environment() -> dict[str, str]:
    """This process's environment with the sanitizers' options."""
    return {**os.environ, **ENVIRONMENT}

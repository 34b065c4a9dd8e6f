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
from dataclasses import dataclass
from pathlib import Path

from harness.host.errors import HarnessError
from harness.host.paths import HOST_PROGRAMS, ROOT, cache_dir
from harness.native import build


class SanitizerError(HarnessError):
    """A sanitizer complained; the text is its report."""


NATIVE = ROOT / "harness" / "native"

FLAGS = (
    "-std=gnu11",
    "-O1",
    "-g",
    "-Wall",
    "-Wextra",
    "-Wno-missing-field-initializers",
    "-DLLAMA_NO_SIMD",
    "-fno-omit-frame-pointer",
    "-fno-sanitize-recover=all",
)

ENVIRONMENT = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


def sources() -> list[Path]:
    """The core's C files, with the wrappers around them."""
    return [f for f in build.sources() if f.stem not in build.SIMD_FLAGS]


def _digest(files: Sequence[Path], flags: Sequence[str]) -> str:
    headers = {*build.headers(), *(h for path in files for h in path.parent.glob("*.h"))}
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
    flags = [cc, *FLAGS, f"-fsanitize={sanitizers}"]
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
            _run([*objects_flags, *build.include_flags(), "-c", str(path), "-o"], obj)
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


@dataclass(frozen=True)
class Verdict:
    """What came of loading a file: 0 or a positive errno, and the diagnosis."""

    errno: int
    text: str


def run(program: Path, text: str) -> str:
    """Standard output of ``program`` for ``text`` as its input.

    Raises SanitizerError with the report where a sanitizer complains.
    """
    done = subprocess.run(
        [program], input=text, capture_output=True, text=True, env=environment(), check=False
    )
    if done.returncode or done.stderr:
        last = done.stdout.splitlines()[-1:]
        raise SanitizerError(f"{program.name}, after {last}:\n{done.stderr[-4000:]}")
    return done.stdout


def load_check(paths: Sequence[Path]) -> list[Verdict]:
    """Load each file as the module would, all in one sanitized process."""
    program = executable(HOST_PROGRAMS / "load_check.c")
    lines = run(program, "".join(f"{path}\n" for path in paths)).splitlines()
    split = [line.split("\t", 1) for line in lines]
    return [Verdict(int(number), text) for number, text in split]

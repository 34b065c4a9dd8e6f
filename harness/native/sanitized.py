# SPDX-License-Identifier: GPL-2.0
"""Programs of the core with sanitizers.

A sanitizer's runtime must be there from the start of a process, so the checked code runs as a
program of its own and not inside Python.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.host.errors import HarnessError
from harness.host.paths import HOST_PROGRAMS
from harness.native import build
from harness.native.objects import Toolchain, Unit, linked


class SanitizerError(HarnessError):
    """A sanitizer found a fault; the text is its report."""


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
    """Return the core's C files for any machine, and the wrappers around them."""
    return [unit.source for unit in build.units() if not unit.flags]


def executable(
    program: Path, sanitizers: str = "address,undefined", compiler: str = "clang"
) -> Path:
    """Build the C file ``program`` with the core and its wrappers."""
    # libFuzzer brings the main function, which only the program as a whole may have.
    objects = sanitizers.replace("fuzzer", "fuzzer-no-link")
    toolchain = Toolchain(compiler, (*FLAGS, f"-fsanitize={objects}"), build.INCLUDES)
    units = [Unit(source) for source in (*sources(), program)]
    name = f"{program.stem}-{sanitizers.replace(',', '-')}"
    return linked(toolchain, units, name, [*FLAGS, f"-fsanitize={sanitizers}", "-lpthread"])


def environment() -> dict[str, str]:
    """Return this process's environment with the sanitizers' options."""
    return {**os.environ, **ENVIRONMENT}


@dataclass(frozen=True)
class CheckVerdict:
    """Result of loading a file."""

    errno: int
    """0 or a positive errno."""
    text: str
    """Diagnosis, or empty."""


def run(program: Path, text: str) -> str:
    """Run ``program`` with ``text`` as its input; return its standard output.

    SanitizerError with the report if a sanitizer finds a fault.
    """
    done = subprocess.run(
        [program], input=text, capture_output=True, text=True, env=environment(), check=False
    )
    if done.returncode or done.stderr:
        last = done.stdout.splitlines()[-1:]
        raise SanitizerError(f"{program.name}, after {last}:\n{done.stderr[-4000:]}")
    return done.stdout


def load_check(paths: Sequence[Path]) -> list[CheckVerdict]:
    """Load each file as the module would, all in one sanitized process."""
    program = executable(HOST_PROGRAMS / "load_check.c")
    lines = run(program, "".join(f"{path}\n" for path in paths)).splitlines()
    split = [line.split("\t", 1) for line in lines]
    return [CheckVerdict(int(number), text) for number, text in split]

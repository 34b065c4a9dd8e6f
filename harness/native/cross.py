# SPDX-License-Identifier: GPL-2.0
"""Programs for either architecture, linked statically, and how to run them."""

import platform
from pathlib import Path

from harness.host.architectures import ARCHITECTURES
from harness.host.paths import INCLUDE
from harness.native import build
from harness.native.objects import Toolchain, Unit, linked

_LINK = ("-static", "-lpthread")


def emulator(machine: str, cpu: str) -> list[str]:
    """Return the command that runs a program of ``machine`` on a processor model ``cpu``."""
    return [f"qemu-{machine}-static", "-cpu", cpu]


def _compiler(machine: str) -> str:
    prefix = "" if machine == platform.machine() else ARCHITECTURES[machine].compiler_prefix
    return f"{prefix}gcc"


def executable(
    program: Path, machine: str, *, with_core: bool = True, first: Path | None = None
) -> Path:
    """Build the C file ``program``, with the core and its wrappers unless told otherwise.

    The header ``first`` is included in each file before anything else.
    """
    toolchain = Toolchain(_compiler(machine), build.FLAGS, build.INCLUDES, first)
    units = [*(build.units(machine) if with_core else ()), Unit(program)]
    return linked(toolchain, units, f"{program.stem}-{machine}", _LINK)


def program(folder: Path, machine: str) -> Path:
    """Build all C files of a folder into a program without the core."""
    toolchain = Toolchain(_compiler(machine), build.FLAGS, (INCLUDE,))
    units = [Unit(source) for source in sorted(folder.glob("*.c"))]
    return linked(toolchain, units, f"{folder.name}-{machine}", _LINK)

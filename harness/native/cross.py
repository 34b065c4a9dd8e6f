# SPDX-License-Identifier: GPL-2.0
"""Programs for either architecture, linked statically, and how to run them."""

import hashlib
import platform
import subprocess
import tempfile
from pathlib import Path

from harness.host.architectures import ARCHITECTURES
from harness.host.errors import HarnessError
from harness.host.paths import INCLUDE, cache_dir
from harness.native import build


def emulator(machine: str, cpu: str) -> list[str]:
    """What a program of the machine is started with, to see that model of its processor."""
    return [f"qemu-{machine}-static", "-cpu", cpu]


def executable(
    program: Path, machine: str, *, with_core: bool = True, first: Path | None = None
) -> Path:
    """Build ``program``, with the core and its wrappers; cached by content, file by file.

    The header ``first`` is included in each before anything else.
    """
    prefix = "" if machine == platform.machine() else ARCHITECTURES[machine].compiler_prefix
    command = [f"{prefix}gcc", *build.FLAGS]
    folder = cache_dir("native", f"static-{machine}")
    common = hashlib.sha256("\0".join(command).encode())
    for header in build.headers():
        common.update(header.name.encode() + b"\0" + header.read_bytes())
    if first:
        common.update(b"first " + first.read_bytes())
        command += ["-include", str(first)]
    whole = common.copy()
    objects: list[Path] = []
    for source in [*(build.sources(machine) if with_core else ()), program]:
        flags = build.flags_of(source)
        digest = common.copy()
        digest.update(" ".join(flags).encode() + source.read_bytes())
        whole.update(digest.digest())
        output = folder / f"{source.stem}-{digest.hexdigest()[:16]}.o"
        objects.append(output)
        if not output.exists():
            _build([*command, *build.include_flags(), *flags, "-c", str(source)], output)
    target = folder / f"{program.stem}-{whole.hexdigest()[:16]}"
    if not target.exists():
        _build([*command, "-static", *map(str, objects), "-lpthread"], target)
    return target


def program(folder: Path, machine: str) -> Path:
    """Build all C files of a folder into a program without the core; cached by content."""
    prefix = "" if machine == platform.machine() else ARCHITECTURES[machine].compiler_prefix
    sources = sorted(folder.glob("*.c"))
    command = [f"{prefix}gcc", *build.FLAGS, "-static"]
    digest = hashlib.sha256("\0".join(command).encode())
    for file in [*sources, *sorted(folder.glob("*.h")), *sorted((INCLUDE / "uapi").glob("*.h"))]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    built = cache_dir("native", f"static-{machine}")
    target = built / f"{folder.name}-{digest.hexdigest()[:16]}"
    if not target.exists():
        _build([*command, f"-I{INCLUDE}", *map(str, sources)], target)
    return target


def _build(command: list[str], target: Path) -> None:
    """Write ``target`` by ``command``, all at once or not at all."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        temporary = Path(folder) / target.name
        done = subprocess.run(
            [*command, "-o", str(temporary)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise HarnessError(f"building {target.name} failed:\n{done.stderr}")
        temporary.replace(target)

# SPDX-License-Identifier: GPL-2.0
"""Find out what this machine lacks to run a model in its kernel, and how to get it."""

import grp
import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MODEL = Path("lib/firmware/llamux/model.gguf")
OLDEST = (6, 1)
"""Oldest kernel series that the module supports."""


@dataclass(frozen=True)
class Finding:
    """Result of one check."""

    what: str
    advice: str = ""
    """Advice; empty if nothing is missing."""


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _kernel(release: str) -> Finding:
    version = tuple(int(word) for word in re.findall(r"\d+", release)[:2])
    if platform.system() == "Linux" and version >= OLDEST:
        return Finding(f"the kernel is {release}")
    series = ".".join(map(str, OLDEST))
    return Finding(f"the kernel is {release}", f"boot Linux {series} or newer")


def module_file(root: Path, release: str) -> Path | None:
    """Return llamux.ko where modprobe looks for it, else in the current folder, else None."""
    installed = sorted((root / "lib" / "modules" / release).rglob("llamux.ko*"))
    built = [path for path in [Path("llamux.ko")] if path.is_file()]
    return next(iter([*installed, *built]), None)


def _module(root: Path, release: str) -> Iterator[Finding]:
    found = module_file(root, release)
    if found:
        yield Finding(f"the module is {found}")
        return
    if (root / "lib" / "modules" / release / "build" / "Makefile").exists():
        yield Finding("the kernel's headers are installed")
    else:
        yield Finding(
            "the kernel's headers are not installed",
            f"run apt-get install linux-headers-{release} as root",
        )
    yield Finding("llamux.ko is neither built nor installed", "run make in the folder of Llamux")


def _model(root: Path) -> Finding:
    path = root / MODEL
    try:
        size = path.stat().st_size
    except OSError:
        advice = "copy a GGUF file there, or run insmod llamux.ko model=FILE.gguf"
        return Finding(f"/{MODEL} does not exist", advice)
    available = re.search(r"^MemAvailable: *(\d+) kB", _read(root / "proc" / "meminfo"), re.M)
    free = int(available[1]) << 10 if available else size
    text = f"/{MODEL} has {size >> 20} MiB; {free >> 20} MiB of memory are free"
    if free < size:
        return Finding(text, "free some memory, or use a smaller model")
    return Finding(text)


def _trust(root: Path) -> Finding:
    parameters = root / "sys" / "module" / "module" / "parameters"
    lockdown = _read(root / "sys" / "kernel" / "security" / "lockdown")
    forced = _read(parameters / "sig_enforce").startswith("Y")
    if forced or re.search(r"\[(integrity|confidentiality)\]", lockdown):
        advice = (
            "sign llamux.ko with a key that the kernel trusts (mokutil), or disable Secure Boot"
        )
        return Finding("the kernel loads only signed modules", advice)
    return Finding("the kernel loads unsigned modules")


def _right() -> Finding:
    if os.geteuid() == 0:
        return Finding("you are root and can load modules")
    return Finding("you are not root and cannot load modules", "use sudo for insmod")


def access(folder: Path) -> Finding:
    """Check that the caller may use the module that is loaded; ``folder`` has its files."""
    prompt = folder / "prompt"
    if os.access(prompt, os.R_OK | os.W_OK):
        return Finding(f"you may use {folder}")
    what, number = f"you may not use {folder}", prompt.stat().st_gid
    if number == 0:
        return Finding(what, f"load the module with group={os.getgid()}, or become root")
    try:
        group = grp.getgrgid(number).gr_name
    except KeyError:
        group = str(number)
    return Finding(what, f"run sudo usermod -aG {group} $USER and log in again")


def findings(root: Path = Path("/"), release: str = platform.release()) -> list[Finding]:
    """Check a machine on which the module is not loaded; ``root`` is its file system."""
    return [
        _kernel(release),
        *_module(root, release),
        _model(root),
        _trust(root),
        _right(),
    ]

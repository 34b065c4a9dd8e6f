# SPDX-License-Identifier: GPL-2.0
"""Checks of a machine: what it lacks for a model in its kernel, and how to get it."""

import grp
import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MODEL = Path("lib/firmware/llamux/model.gguf")
OLDEST = (6, 1)
"""Oldest kernel series that the module is built for."""


@dataclass(frozen=True)
class Finding:
    """Fact about the machine, with advice if it is a problem."""

    what: str
    advice: str = ""
    """Empty if there is no problem."""


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
    """Return llamux.ko from where modprobe finds it, or from the current folder."""
    installed = sorted((root / "lib" / "modules" / release).rglob("llamux.ko*"))
    built = [path for path in [Path("llamux.ko")] if path.is_file()]
    return next(iter([*installed, *built]), None)


def _module(root: Path, release: str) -> Iterator[Finding]:
    found = module_file(root, release)
    if found:
        yield Finding(f"the module is {found}")
        return
    if (root / "lib" / "modules" / release / "build" / "Makefile").exists():
        yield Finding("the kernel's headers are there")
    else:
        yield Finding(
            "no headers of this kernel", f"install linux-headers-{release} (apt-get, as root)"
        )
    yield Finding("no llamux.ko is here or installed", "build it: `make` in Llamux's folder")


def _model(root: Path) -> Finding:
    path = root / MODEL
    try:
        size = path.stat().st_size
    except OSError:
        advice = "copy a GGUF file there, or name one: insmod llamux.ko model=FILE.gguf"
        return Finding(f"no model is at /{MODEL}", advice)
    available = re.search(r"^MemAvailable: *(\d+) kB", _read(root / "proc" / "meminfo"), re.M)
    free = int(available[1]) << 10 if available else size
    text = f"/{MODEL} has {size >> 20} MiB, {free >> 20} MiB of memory are free"
    if free < size:
        return Finding(text, "free some memory, or take a smaller model")
    return Finding(text)


def _trust(root: Path) -> Finding:
    parameters = root / "sys" / "module" / "module" / "parameters"
    lockdown = _read(root / "sys" / "kernel" / "security" / "lockdown")
    forced = _read(parameters / "sig_enforce").startswith("Y")
    if forced or re.search(r"\[(integrity|confidentiality)\]", lockdown):
        advice = "sign llamux.ko with a key that it trusts (mokutil), or turn Secure Boot off"
        return Finding("the kernel loads signed modules alone", advice)
    return Finding("the kernel loads modules that are not signed")


def _right() -> Finding:
    if os.geteuid() == 0:
        return Finding("you are root, who may load modules")
    return Finding("you are not root, who alone may load modules", "use sudo for insmod")


def access(folder: Path) -> Finding:
    """Check whether the caller may use the loaded module, whose files are in ``folder``."""
    prompt = folder / "prompt"
    if os.access(prompt, os.R_OK | os.W_OK):
        return Finding(f"you may use {folder}")
    what, number = f"you may not use {folder}", prompt.stat().st_gid
    if number == 0:
        return Finding(what, f"load the module with group={os.getgid()}, or be root")
    try:
        group = grp.getgrgid(number).gr_name
    except KeyError:
        group = str(number)
    return Finding(what, f"join the group and log in again: sudo usermod -aG {group} $USER")


def findings(root: Path = Path("/"), release: str = platform.release()) -> list[Finding]:
    """Return the findings for a machine without the module; ``root`` is its file system."""
    return [
        _kernel(release),
        *_module(root, release),
        _model(root),
        _trust(root),
        _right(),
    ]

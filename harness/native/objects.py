# SPDX-License-Identifier: GPL-2.0
"""C files compiled and linked in the cache: once for each content, on all processors.

An object's name is a digest of everything that it is made from: the compiler's version, the
flags, the source and the headers that the compiler read for it. One process compiles at a
time; another that wants the same files waits for them and finds them made.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from harness.host.errors import HarnessError, SetupError
from harness.host.lock import exclusive
from harness.host.paths import ROOT, cache_dir
from harness.host.progress import step

_LISTS = 8
"""Most lists of headers that are kept for a unit: several working trees may share a cache."""


@dataclass(frozen=True)
class Toolchain:
    """A compiler and its flags."""

    compiler: str
    """Name of the program; a file's own flags follow :attr:`flags`."""
    flags: tuple[str, ...]
    includes: tuple[Path, ...] = ()
    """Folders that hold headers."""
    first: Path | None = None
    """Header that is included in each file before anything else."""

    def command(self) -> list[str]:
        """Return the beginning of each call. SetupError if the compiler is not installed."""
        return [_path(self.compiler), *self.flags]


@dataclass(frozen=True)
class Unit:
    """A C file, with the flags that it alone needs."""

    source: Path
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Job:
    """A unit to be compiled, and what its object is made from besides headers."""

    unit: Unit
    made_from: tuple[str, ...]

    @property
    def listing(self) -> Path:
        """File of the headers that the compiler read: a line a header, a blank line a list."""
        return _folder() / f"{self.unit.source.stem}-{_digest(*self.made_from)}.headers"

    def lists(self) -> list[list[str]]:
        """Return the lists of headers of the latest compilations, the newest first."""
        if not self.listing.exists():
            return []
        return [one.splitlines() for one in self.listing.read_text().split("\n\n")]

    def object(self, headers: Iterable[str]) -> Path:
        """Return the object's place. FileNotFoundError if a header is gone."""
        contents = [part for name in headers for part in (name, _content(ROOT / name))]
        return _folder() / f"{self.unit.source.stem}-{_digest(*self.made_from, *contents)}.o"

    def made(self) -> Path | None:
        """Return the object, or None if the unit is yet to be compiled.

        An object is named after the headers that were read for it, so that a list of another
        state of the headers leads to no object, or to the right one.
        """
        for headers in self.lists():
            try:
                made = self.object(headers)
            except FileNotFoundError:
                continue
            if made.exists():
                return made
        return None


def objects(toolchain: Toolchain, units: Sequence[Unit]) -> list[Path]:
    """Compile what is not in the cache; return the objects in the order of ``units``.

    HarnessError in one line if a file does not compile; the line names a file with all that
    the compiler said.
    """
    jobs = [_job(toolchain, unit) for unit in units]
    made = [job.made() for job in jobs]
    if not all(made):
        with exclusive(_folder() / "lock"):
            made = [job.made() for job in jobs]
            missing = [job for job, one in zip(jobs, made, strict=True) if one is None]
            compiled = iter(_compile(toolchain, missing))
            made = [one or next(compiled) for one in made]
    return [one for one in made if one]


def linked(toolchain: Toolchain, units: Sequence[Unit], name: str, link: Sequence[str]) -> Path:
    """Return the program or library ``name`` of the units, linked with the flags ``link``.

    HarnessError as from :func:`objects`.
    """
    parts = objects(toolchain, units)
    digest = _digest(_version(toolchain.compiler), *link, *(part.name for part in parts))
    target = cache_dir("native") / f"{name}-{digest}"
    if not target.exists():
        with exclusive(_folder() / "lock"), tempfile.TemporaryDirectory(dir=_folder()) as folder:
            made = Path(folder) / "linked"
            compiler = _path(toolchain.compiler)
            _run([compiler, *map(str, parts), *link, "-o", str(made)], name)
            made.replace(target)
    return target


def _folder() -> Path:
    return cache_dir("native", "objects")


@cache
def _path(compiler: str) -> str:
    found = shutil.which(compiler)
    if found is None:
        raise SetupError(f"{compiler} is missing: run `make venv`, or apt-get install {compiler}")
    return found


@cache
def _version(compiler: str) -> str:
    command = [_path(compiler), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0]


def _digest(*parts: str) -> str:
    """Return 20 hexadecimal digits that stand for the parts in their order."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _shown(path: Path) -> str:
    """Return a path that does not depend on where the repository lies."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _content(path: Path) -> str:
    """Return a digest of a file. FileNotFoundError if there is none."""
    state = path.stat()
    return _digest_of(path, state.st_mtime_ns, state.st_size, state.st_ino)


@lru_cache(maxsize=4096)
def _digest_of(path: Path, _modified: int, _size: int, _inode: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _job(toolchain: Toolchain, unit: Unit) -> _Job:
    made_from = [_version(toolchain.compiler), *toolchain.flags, *unit.flags]
    for path in (toolchain.first, unit.source):
        made_from += [_shown(path), _content(path)] if path else [""]
    return _Job(unit, tuple(made_from))


def _compile(toolchain: Toolchain, jobs: Sequence[_Job]) -> list[Path]:
    """Compile the jobs side by side, those with flags of their own first: they take longest."""
    if not jobs:
        return []
    workers = ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0)))
    with step(f"compiling {len(jobs)} C files"), workers:
        running = {
            id(job): workers.submit(_compile_one, toolchain, job)
            for job in sorted(jobs, key=lambda job: not job.unit.flags)
        }
        try:
            return [running[id(job)].result() for job in jobs]
        except BaseException:
            workers.shutdown(cancel_futures=True)
            raise


def _compile_one(toolchain: Toolchain, job: _Job) -> Path:
    """Write a unit's object and the list of its headers; return the object."""
    source = job.unit.source
    command = [*toolchain.command(), *(f"-I{folder}" for folder in toolchain.includes)]
    if toolchain.first:
        command += ["-include", str(toolchain.first)]
    with tempfile.TemporaryDirectory(dir=_folder()) as name:
        made, rule, listed = (Path(name) / part for part in ("object", "rule", "headers"))
        command += [*job.unit.flags, "-MMD", "-MF", str(rule), "-c", str(source), "-o", str(made)]
        _run(command, _shown(source))
        headers = _headers(rule.read_text(), source)
        lists = [headers, *(one for one in job.lists() if one != headers)][:_LISTS]
        listed.write_text("\n\n".join("\n".join(one) for one in lists))
        target = job.object(headers)
        made.replace(target)
        listed.replace(job.listing)
    return target


def _headers(rule: str, source: Path) -> list[str]:
    """Return the headers of a rule for make, without the system's own."""
    named = shlex.split(rule.replace("\\\n", " "))[1:]
    return sorted({_shown(Path(name).resolve()) for name in named} - {_shown(source.resolve())})


def _run(command: list[str], what: str) -> None:
    """Run a compiler. HarnessError in one line, with the rest in a file."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        log = cache_dir("native") / "failed.log"
        log.write_text(f"{shlex.join(command)}\n{done.stderr}")
        said = [line for line in done.stderr.splitlines() if "error" in line or "undefined" in line]
        reason = (said or done.stderr.splitlines() or [f"exit code {done.returncode}"])[0]
        raise HarnessError(f"{what} cannot be built: {reason}; all of it in {log}")

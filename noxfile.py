# SPDX-License-Identifier: GPL-2.0
"""The project's tasks, a function each. They run in .venv, which `make venv` makes."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["test"]

PYTHON = str(Path(".venv/bin/python").absolute())
WORKERS = str(max(2, os.cpu_count() or 2))
PARALLEL = ("-n", WORKERS, "--dist", "loadgroup", "--no-loadscope-reorder")
"""Options of pytest: several workers, each with whole groups, in the order of conftest.py."""

NEWER_PYTHONS = ("3.12", "3.13")
"""Versions that are supported beside the oldest, 3.11."""

VERIFIED = (
    ("uml", "6.12-kasan", False),
    ("x86_64", "6.12-kasan", True),
    ("x86_64", "6.12-kcsan", True),
)
"""Guests and kernels of `verify`, and whether it runs only the tests marked `judged_by` there."""

STRESSED = ("6.12-kasan", "6.12-kcsan")
STRESS_SECONDS = 150
"""Kernels on which `verify` runs stress, and for how long on each."""

VERIFIED_ALL = (
    ("uml", "6.12-kasan"),
    ("x86_64", "6.12-kasan"),
    ("x86_64", "6.12-kcsan"),
    ("aarch64", "6.12-kasan"),
    ("x86_64", "6.12-latency"),
)
"""Guests and kernels of `verify-all`, which runs all tests marked `debug_kernel` there."""

BENCHED = {
    "smollm2": ("--on", "uml") if platform.machine() == "x86_64" else (),
    "tinyllama-shape": ("--depth", "256"),
}
"""Models that `bench` measures, with its options; the larger one skips what takes long."""


def harness(session: nox.Session, *arguments: str, **streams: Any) -> None:
    """Run a verb of the harness."""
    session.run(PYTHON, "-m", "harness", *arguments, external=True, **streams)


def prepare(session: nox.Session, *arguments: str) -> None:
    """Install and fetch what is missing; quick when nothing is."""
    harness(session, "prepare", *arguments)


def guest_options() -> list[str]:
    """Return the options of the guest from the Makefile's variables."""
    options = ["--arch", os.environ.get("ARCH", "x86_64")]
    options += ["--model", os.environ.get("MODEL", "smollm2")]
    if os.environ.get("KERNEL"):
        options += ["--kernel", os.environ["KERNEL"]]
    return options


@nox.session
def demo(session: nox.Session) -> None:
    """Ask the model in a guest's kernel one thing: PROMPT, ARCH, MODEL, KERNEL."""
    harness(session, "demo", *guest_options(), "--prompt", os.environ["PROMPT"])


@nox.session
def shell(session: nox.Session) -> None:
    """Open a shell in a guest: ARCH, MODEL, KERNEL."""
    harness(session, "shell", *guest_options())


@nox.session
def stress(session: nox.Session) -> None:
    """Let a hundred clients loose on a guest's kernel: HOURS, ARCH, KERNEL."""
    options = ["--hours", os.environ.get("HOURS", "1"), "--arch", os.environ.get("ARCH", "x86_64")]
    if os.environ.get("KERNEL"):
        options += ["--kernel", os.environ["KERNEL"]]
    harness(session, "stress", *options, *session.posargs)


@nox.session(name="fuzz-kernel")
def fuzz_kernel(session: nox.Session) -> None:
    """Make up programs of system calls in a kernel that looks for faults: HOURS, ARCH, KERNEL."""
    seconds = round(3600 * float(os.environ.get("HOURS", "1")))
    options = ["--seconds", str(seconds), "--arch", os.environ.get("ARCH", "x86_64")]
    if os.environ.get("KERNEL"):
        options += ["--kernel", os.environ["KERNEL"]]
    harness(session, "fuzz-kernel", *options, *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure everything in docs/benchmarks.md, beside llama.cpp, and write the page anew."""
    results: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for i, model in enumerate(session.posargs or BENCHED):
            options = [model, *BENCHED.get(model, ()), "--peer", "llama.cpp", "--json"]
            path = Path(folder, f"{i}.json")
            with path.open("w") as stream:
                harness(session, "bench", *options, stdout=stream, stderr=None)
            results += ["--results", str(path)]
        harness(session, "bench", *results, "--write-docs")


def shell_files() -> list[str]:
    """Return the tracked files that a shell runs."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True)
    found = []
    for name in listed.stdout.split("\0")[:-1]:
        with Path(name).open("rb") as file:
            if re.match(rb"#!.*\bsh\b", file.readline()):
                found.append(name)
    return found


def interpreter(version: str) -> str | None:
    """Return the program of this version of Python, or None if the machine has none that runs."""
    path = shutil.which(f"python{version}")
    runs = path and subprocess.run([path, "-c", ""], capture_output=True, check=False)
    return path if runs and runs.returncode == 0 else None


@nox.session
def lint(session: nox.Session) -> None:
    """Generated headers, style, types, shell scripts and newer versions of Python."""
    harness(session, "generate-headers", "--check")
    session.run(PYTHON, "-m", "ruff", "check", "--quiet", external=True)
    session.run(PYTHON, "-m", "ruff", "format", "--check", "--quiet", external=True)
    session.run(PYTHON, "-m", "mypy", external=True)
    for version in NEWER_PYTHONS:
        session.run(PYTHON, "-m", "mypy", f"--python-version={version}", external=True)
        python = interpreter(version)
        if python is None:
            session.log(f"no Python {version} on this machine: mypy alone has checked the sources")
            continue
        with tempfile.TemporaryDirectory() as folder:
            compiled = [python, "-X", f"pycache_prefix={folder}", "-m", "compileall", "-q"]
            session.run(*compiled, "harness", "llamux", "tests", "noxfile.py", external=True)
    if shutil.which("shellcheck") is None:
        session.error("shellcheck is missing: run `.venv/bin/python -m harness prepare --tests`")
    session.run("shellcheck", *shell_files(), external=True)


@nox.session(venv_backend="venv", reuse_venv=True)
def lock(session: nox.Session) -> None:
    """Write requirements.lock for what pyproject.toml asks for. `-- --upgrade` takes the newest."""
    session.install("uv")
    session.run(
        *("uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-annotate"),
        *("--python-version=3.11", "--group=dev", "--output-file=requirements.lock"),
        "--custom-compile-command=make lock",
        *session.posargs,
    )


@nox.session
def analyze(session: nox.Session) -> None:
    """Compiler, sparse, checkpatch, semantic patches and two analyzers, over the C sources."""
    harness(session, "analyze", *session.posargs)


@nox.session
def test(session: nox.Session) -> None:
    """Everything that CI checks. Arguments go to pytest: nox -s test -- tests/test_x.py."""
    session.log(
        "left to others: kernels with KASAN, KCSAN, lockdep and kmemleak, and the one that traces"
        " (verify); both compilers' analyzers and the semantic patches over all files (analyze);"
        " hours of stress and fuzzing (stress, fuzz-kernel); speed (bench)"
    )
    prepare(session, "--tests")
    lint(session)
    session.run(
        *(PYTHON, "-m", "pytest", *PARALLEL, "--durations=20"), *session.posargs, external=True
    )


@nox.session
def coverage(session: nox.Session) -> None:
    """Show what the tests without a guest reach of the core and of Python, and long gaps."""
    harness(session, "coverage", *session.posargs)


def state_folder(name: str, fresh: bool) -> Path:
    """Return the folder that keeps what has passed on the tree as it is now; emptied if fresh.

    Its name is a hash of every file that git tracks or would add, so any change starts anew.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=True).stdout
    digest = hashlib.sha256()
    for file in sorted(filter(None, listed.split(b"\0"))):
        path = Path(os.fsdecode(file))
        digest.update(file + b"\0")
        if path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    shown = subprocess.run(
        [PYTHON, "-c", "from harness.host.paths import cache_dir; print(cache_dir('verify'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    folder = Path(shown.stdout.strip()) / f"{name}-{digest.hexdigest()[:16]}"
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def verified(
    session: nox.Session,
    folder: Path,
    arch: str,
    kernel: str,
    arguments: Sequence[str],
    *options: str,
) -> None:
    """Run the tests of a guest's kernel that have not passed yet, several guests at a time."""
    passed = folder / f"{arch}-{kernel}.passed"
    done = folder / f"{arch}-{kernel}.done"
    if done.exists():
        session.log(f"{kernel} on {arch}: all has passed")
        return
    prepare(session, "--arch", arch, "--kernel", kernel)
    # pytest reads one file and writes another: its workers have to agree on the tests.
    record = passed.with_suffix(".new")
    if record.exists():
        with passed.open("a") as file:
            file.write(record.read_text())
        record.unlink()
    session.run(
        *(PYTHON, "-m", "pytest", "--quiet"),
        *(f"--kernel={kernel}", f"--arch={arch}", f"--passed={passed}", f"--record={record}"),
        *(*PARALLEL, "--timeout=7200", "--durations=5"),
        *("tests/client", "tests/guests", "tests/verify"),
        *(*options, *arguments),
        external=True,
        success_codes=[0, 5],  # 5: nothing is left to run
    )
    if not arguments:
        done.touch()


@nox.session
def verify(session: nox.Session) -> None:
    """Run the tests that only debug kernels can judge; resumes. `-- --fresh` starts anew."""
    arguments = [word for word in session.posargs if word != "--fresh"]
    folder = state_folder("verify", "--fresh" in session.posargs)
    session.log(f"what has passed is kept in {folder}")
    for arch, kernel, judged in VERIFIED:
        verified(session, folder, arch, kernel, arguments, *(["--judged"] if judged else []))
    for kernel in STRESSED:
        done = folder / f"stress-{kernel}.done"
        if arguments or done.exists():
            continue
        harness(session, "stress", "--seconds", str(STRESS_SECONDS), "--kernel", kernel)
        done.touch()


@nox.session(name="verify-all")
def verify_all(session: nox.Session) -> None:
    """All guest tests on all kernels that look for faults: a night. Resumes like verify."""
    arguments = [word for word in session.posargs if word != "--fresh"]
    folder = state_folder("verify-all", "--fresh" in session.posargs)
    session.log(f"what has passed is kept in {folder}")
    for arch, kernel in VERIFIED_ALL:
        verified(session, folder, arch, kernel, arguments)

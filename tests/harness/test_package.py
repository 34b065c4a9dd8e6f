# SPDX-License-Identifier: GPL-2.0
"""The Python package that is built holds the client alone; the lock file pins everything else."""

import functools
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from dependency_groups import resolve
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import llamux
from harness.host.paths import ROOT

PYTHONS = ("3.11", "3.12", "3.13")
ENVIRONMENTS = [
    {"python_full_version": f"{python}.0", "platform_machine": machine, "sys_platform": "linux"}
    for python in PYTHONS
    for machine in ("x86_64", "aarch64")
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pip(*arguments: str | Path, cwd: Path | None = None) -> None:
    """Run pip without an index, so that nothing can be fetched."""
    command = [sys.executable, "-m", "pip", "--isolated", "--quiet", *arguments]
    subprocess.run([*command, "--no-index", "--no-deps"], cwd=cwd, check=True)


@functools.cache
def interpreter(version: str) -> str | None:
    """Return the path of this version of Python, or None if the machine has none that runs."""
    path = shutil.which(f"python{version}")
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in (sys.executable, path):
        if candidate is not None:
            command = [candidate, "-I", "-c", program]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.stdout.strip() == version:
                return candidate
    return None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a wheel that was built from a copy of the repository's Python side."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("llamux", "harness", "LICENSES"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    pip("wheel", "--no-build-isolation", "--wheel-dir", folder, source)
    (path,) = folder.iterdir()
    return path


def metadata(wheel: Path) -> Message:
    """Return the wheel's METADATA."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_the_client_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [n for n in archive.namelist() if ".dist-info/" not in n]
    assert set(names) == {
        f"llamux/{path.relative_to(ROOT / 'llamux')}"
        for path in (ROOT / "llamux").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "llamux/py.typed" in names


def test_the_metadata_is_complete(wheel: Path) -> None:
    found = metadata(wheel)
    assert found["Name"] == "llamux"
    assert found["Version"] == llamux.__version__
    assert found["Summary"]
    assert found["License-Expression"] == "GPL-2.0-only"
    assert found.get_all("License-File") == ["LICENSES/GPL-2.0.txt"]
    assert found["Author"] == "Llamux developers"
    assert found["Requires-Python"] == f">={PYTHONS[0]}"
    assert found["Description-Content-Type"] == "text/markdown"
    assert found.get_payload() == (ROOT / "README.md").read_text()
    classifiers = found.get_all("Classifier", [])
    assert {f"Programming Language :: Python :: {python}" for python in PYTHONS} <= {*classifiers}
    assert found.get_all("Requires-Dist") is None
    assert found.get_all("Provides-Extra") is None


@pytest.mark.parametrize("python", PYTHONS)
def test_the_wheel_works_in_a_clean_environment(wheel: Path, python: str, tmp_path: Path) -> None:
    path = interpreter(python)
    if path is None:
        pytest.skip(f"the machine has no Python {python}")
    folder = tmp_path / "environment"
    subprocess.run([path, "-m", "venv", "--without-pip", folder], check=True)
    pip("--python", folder / "bin" / "python", "install", wheel)

    def run(program: str, *arguments: str) -> str:
        command = [str(folder / "bin" / program), *arguments]
        return subprocess.check_output(command, cwd=tmp_path, text=True)

    assert run("llamux", "--version") == f"llamux {llamux.__version__}\n"
    assert "ask" in run("llamux", "--help")
    where = run("python", "-I", "-c", "import llamux; print(llamux.__file__)")
    assert Path(where.strip()).is_relative_to(folder)


def locked() -> dict[str, list[tuple[Requirement, list[str]]]]:
    """Return the lock file's pinned requirements and their hashes by canonical name."""
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", "")
    found: dict[str, list[tuple[Requirement, list[str]]]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=", line.strip())
            pinned = Requirement(requirement)
            found.setdefault(canonicalize_name(pinned.name), []).append((pinned, hashes))
    return found


def test_the_lock_file_pins_the_dependencies() -> None:
    """Each group's requirement has one version that fits in each supported environment."""
    pins = locked()
    wrong = []
    for text in resolve(PROJECT["dependency-groups"], "dev"):
        wanted = Requirement(text)
        for environment in ENVIRONMENTS:
            versions = [
                pinned.specifier
                for pinned, _ in pins.get(canonicalize_name(wanted.name), [])
                if pinned.marker is None or pinned.marker.evaluate(environment)
            ]
            exact = [s.version for specifier in versions for s in specifier]
            if len(exact) != 1 or exact[0] not in wanted.specifier:
                wrong.append((text, environment, exact))
    assert wrong == [], "requirements.lock is stale: run `make lock`"


def test_the_lock_file_has_hashes_and_names_no_host() -> None:
    for requirements in locked().values():
        for pinned, hashes in requirements:
            assert [s.operator for s in pinned.specifier] == ["=="], pinned
            assert hashes
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in hashes)
    for name in ("requirements.lock", "pyproject.toml", "harness/bootstrap.sh"):
        assert "://" not in (ROOT / name).read_text()

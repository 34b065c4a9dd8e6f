# SPDX-License-Identifier: GPL-2.0
"""Check that the arm64 paths give the generic path's integers on emulated processors."""

import platform
import subprocess
from pathlib import Path

import pytest

from harness.host import patience
from harness.host.paths import HOST_PROGRAMS
from harness.native import cross
from harness.vectors import goldens

PROGRAM = HOST_PROGRAMS / "isa_hashes.c"
PROCESSORS = {
    "cortex-a53": ["neon"],
    "cortex-a76": ["neon", "dotprod"],
    "max": ["neon", "dotprod", "i8mm"],
}
"""Paths that each processor can run, the best one last."""


def models() -> list[str]:
    """Return the tiny golden models' paths: every type, and several chunks of the KV cache."""
    return [str(golden.model_path()) for golden in goldens.load() if golden.tiny]


def hashes(command: list[str], isa: str) -> list[str]:
    """Return a path's hashes, one line for each product, attention and model."""
    done = subprocess.run(
        [*command, isa, *models()],
        capture_output=True,
        text=True,
        check=True,
        timeout=patience.scaled(120),
    )
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def generic() -> list[str]:
    """Return the hashes of the generic path on this machine."""
    lines = hashes([str(cross.executable(PROGRAM, platform.machine()))], "generic")
    assert len(lines) > 400
    assert len(lines) == len({line.split()[0] for line in lines})
    return lines


@pytest.fixture(scope="module")
def program() -> Path:
    """Return the program that computes hashes, built for arm64."""
    return cross.executable(PROGRAM, "aarch64")


@pytest.mark.parametrize(
    ("cpu", "isa"),
    [
        ("cortex-a53", "swar"),
        ("cortex-a53", "neon"),
        ("cortex-a76", "dotprod"),
        ("max", "neon"),
        ("max", "dotprod"),
        ("max", "i8mm"),
    ],
)
def test_path_gives_the_generic_integers(
    generic: list[str], program: Path, cpu: str, isa: str
) -> None:
    assert hashes([*cross.emulator("aarch64", cpu), str(program)], isa) == generic


@pytest.mark.parametrize("cpu", list(PROCESSORS))
def test_the_best_path_is_chosen(program: Path, cpu: str) -> None:
    command = [*cross.emulator("aarch64", cpu), str(program)]
    best = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert best.strip() == PROCESSORS[cpu][-1]


def test_a_path_that_the_processor_lacks_is_refused(program: Path) -> None:
    command = [*cross.emulator("aarch64", "cortex-a53"), str(program), "dotprod"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "dotprod" in done.stderr

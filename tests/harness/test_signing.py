# SPDX-License-Identifier: GPL-2.0
"""Signatures of files, made and checked on the host."""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from harness.cli import main
from harness.host.architectures import ARCHITECTURES, KERNELS
from harness.host.paths import ROOT
from harness.kernels import find
from harness.models import signing

MODEL = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model.key, model.der, other.key and other.der."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("model", "other"):
        signing.new_key(folder / f"{name}.key", folder / f"{name}.der", bits=2048)
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(MODEL)
    return path


def sign(model: Path, keys: Path, *arguments: str, name: str = "model") -> int:
    files = ["--key", str(keys / f"{name}.key"), "--cert", str(keys / f"{name}.der")]
    return main(["sign", str(model), *files, *arguments])


def checks(model: Path, keys: Path) -> bool:
    return main(["sign", str(model), "--check", "--cert", str(keys / "model.der")]) == 0


@pytest.mark.parametrize("options", [(), ("--detached",)])
def test_what_is_signed_can_be_checked(model: Path, keys: Path, options: tuple[str, ...]) -> None:
    assert not checks(model, keys)
    assert sign(model, keys, *options) == 0
    assert checks(model, keys)
    assert model.read_bytes()[: len(MODEL)] == MODEL
    assert (model.stat().st_size == len(MODEL)) == bool(options)
    with model.open("r+b") as file:
        file.write(b"\x01")
    assert not checks(model, keys)


def test_another_key_is_told_apart(model: Path, keys: Path) -> None:
    sign(model, keys, name="other")
    assert not checks(model, keys)


def test_signing_again_replaces(model: Path, keys: Path) -> None:
    sign(model, keys, name="other")
    sign(model, keys)
    once = model.read_bytes()
    sign(model, keys)
    assert model.read_bytes() == once
    assert signing.unsigned_size(model) == len(MODEL)


def test_what_is_signed_is_a_line(model: Path, keys: Path) -> None:
    line = f"llamux model sha256 {hashlib.sha256(MODEL).hexdigest()}\n".encode()
    assert signing.statement(model) == line
    sign(model, keys)
    assert signing.statement(model) == line


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_kernels_own_program_makes_the_same(model: Path, keys: Path, kernel: str) -> None:
    headers = find.kernel(ARCHITECTURES["x86_64"], kernel).headers
    line = model.with_name("line")
    line.write_bytes(signing.statement(model))
    program = headers / "scripts" / "sign-file"
    files = [str(keys / "model.key"), str(keys / "model.der"), str(line)]
    subprocess.run([str(program), "-d", "sha256", *files], check=True)
    sign(model, keys, "--detached")
    assert signing.detached_path(model).read_bytes() == signing.detached_path(line).read_bytes()


def test_the_pages_commands_make_and_check_the_same(model: Path, keys: Path) -> None:
    page = (ROOT / "docs" / "signing.md").read_text()
    (block,) = re.findall(r"```\n(printf .*?)```", page, re.DOTALL)
    names, signs, checks = block.splitlines()
    for name in ("model.key", "model.der"):
        (model.parent / name).write_bytes((keys / name).read_bytes())

    def works(*commands: str) -> bool:
        script = " && ".join(commands)
        return subprocess.run(["sh", "-c", script], cwd=model.parent, check=False).returncode == 0

    assert works(names, signs, checks)
    made = signing.detached_path(model).read_bytes()
    sign(model, keys, "--detached")
    assert signing.detached_path(model).read_bytes() == made
    model.write_bytes(MODEL[::-1])
    assert not works(names, checks)


def test_a_key_is_its_owners_alone_and_never_overwritten(keys: Path) -> None:
    assert (keys / "model.key").stat().st_mode & 0o777 == 0o600
    before = (keys / "model.key").read_bytes()
    files = ["--key", str(keys / "model.key"), "--cert", str(keys / "new.der")]
    assert main(["sign", "--new-key", *files]) == 1
    assert (keys / "model.key").read_bytes() == before
    assert not (keys / "new.der").exists()

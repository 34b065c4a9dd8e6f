# SPDX-License-Identifier: GPL-2.0
"""Golden logits: fixed tokens on fixed models, and the integers that they must give.

Each of ``fixtures/golden/*.json`` holds the SHA-256 of the logits of every position as
little-endian int32, row by row. They are checked in userspace, in the twin and in every guest,
and written only if core and twin agree.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.session import Model
from harness.host.errors import HarnessError
from harness.host.paths import ROOT, cache_dir
from harness.models import packaged
from harness.models.synthetic import SHAPES, TYPES, make_model
from harness.reference.twin import Twin

FOLDER = ROOT / "fixtures" / "golden"
COMMAND = "python -m harness goldens --update"

SMOLLM2 = "smollm2"

# <|im_start|>user "What is a kernel module?"<|im_end|> <|im_start|>assistant, and a few words.
# fmt: off
_CHAT_TURN = (
    1, 4093, 198, 1780, 314, 253, 11498, 7063, 47, 2, 198,
    1, 520, 9531, 198, 49, 11498, 7063, 314,
)
# fmt: on

_FIRST = 8


@dataclass(frozen=True)
class GoldenRecipe:
    """Recipe of a golden file; ``shape`` is "smollm2" or one of harness.models.synthetic."""

    shape: str
    kind: str
    n_tokens: int = 24
    seed: int = 1

    @property
    def name(self) -> str:
        """Name of the file without its ending."""
        return f"{self.shape}-{self.kind}"

    def tokens(self) -> list[int]:
        """Return the first and the last id, and random ones."""
        if self.shape == SMOLLM2:
            return list(_CHAT_TURN)
        n_vocab = SHAPES[self.shape].n_vocab
        words = np.random.Philox(key=self.seed).random_raw(self.n_tokens - 2)
        return [0, n_vocab - 1, *(int(w) % n_vocab for w in words)]


RECIPES = (
    *(GoldenRecipe("tiny-256", kind) for kind in TYPES),
    *(GoldenRecipe("tiny-odd", kind) for kind in ("F32", "F16", "BF16")),
    GoldenRecipe("tiny", "Q4_0", n_tokens=200),  # several chunks of the KV cache
    GoldenRecipe("tiny-mha", "Q5_0"),
    GoldenRecipe("tiny-tied", "Q8_0"),
    GoldenRecipe("tiny-rope", "Q4_1", n_tokens=150),
    GoldenRecipe("tiny-spm", "Q5_1"),
    GoldenRecipe(SMOLLM2, "Q4_1"),
)


@dataclass(frozen=True)
class Golden:
    """A golden file. ``first`` holds the first logits of the last position, Q16, for a person."""

    name: str
    recipe: GoldenRecipe
    model_sha256: str
    tokens: tuple[int, ...]
    n_vocab: int
    sha256: str
    first: tuple[int, ...]

    @property
    def tiny(self) -> bool:
        """Whether the model is small enough for the twin to be quick."""
        return self.recipe.shape != SMOLLM2

    def model_path(self) -> Path:
        """Return the model's file, made or fetched if need be. HarnessError if it differs."""
        return self._path

    @cached_property
    def _path(self) -> Path:
        path = _model(self.recipe, self.model_sha256)
        found = _file_sha256(path)
        if found != self.model_sha256:
            if self.tiny:
                path.unlink()
            raise HarnessError(
                f"{self.name}: the model's SHA-256 is {found}, not {self.model_sha256}: "
                f"if you meant to change it, run `{COMMAND}`"
            )
        return path


def logits_sha256(logits: NDArray[np.int32]) -> str:
    """Return the SHA-256 of logits (t, n_vocab) as little-endian bytes."""
    return hashlib.sha256(np.ascontiguousarray(logits, dtype="<i4").tobytes()).hexdigest()


def load() -> list[Golden]:
    """Return all golden files in the order of their names."""
    return [_read(path) for path in sorted(FOLDER.glob("*.json"))]


def make(recipe: GoldenRecipe) -> Golden:
    """Compute a golden file's content. HarnessError if core and twin disagree."""
    path = _model(recipe, "new")
    tokens = recipe.tokens()
    with Model(path) as model:
        logits = model.logits(tokens)
    if not np.array_equal(logits, Twin(path).logits(tokens)):
        raise HarnessError(f"{recipe.name}: core and twin disagree, so there is no golden answer")
    return Golden(
        name=recipe.name,
        recipe=recipe,
        model_sha256=_file_sha256(path),
        tokens=tuple(tokens),
        n_vocab=logits.shape[1],
        sha256=logits_sha256(logits),
        first=tuple(int(v) for v in logits[-1, :_FIRST]),
    )


def check(golden: Golden) -> bool:
    """Return whether the core in userspace still gives the integers."""
    with Model(golden.model_path()) as model:
        return logits_sha256(model.logits(golden.tokens)) == golden.sha256


def write(golden: Golden) -> Path:
    """Write a golden file."""
    path = FOLDER / f"{golden.name}.json"
    r = golden.recipe
    content = {
        "command": COMMAND,
        "model": {
            "shape": r.shape,
            "type": r.kind,
            "seed": r.seed,
            "sha256": golden.model_sha256,
        },
        "tokens": list(golden.tokens),
        "logits": {
            "shape": [len(golden.tokens), golden.n_vocab],
            "sha256": golden.sha256,
            "first_of_last_position": list(golden.first),
        },
    }
    path.write_text(_one_line_lists(content))
    return path


def _one_line_lists(content: dict[str, Any]) -> str:
    """Return indented JSON with each list of numbers on one line."""
    lists: list[str] = []

    def mark(value: Any) -> Any:
        if isinstance(value, list):
            lists.append(json.dumps(value))
            return f"@{len(lists) - 1}@"
        if isinstance(value, dict):
            return {key: mark(inner) for key, inner in value.items()}
        return value

    text = json.dumps(mark(content), indent=2)
    for i, one_line in enumerate(lists):
        text = text.replace(f'"@{i}@"', one_line)
    return text + "\n"


def _read(path: Path) -> Golden:
    content = json.loads(path.read_text())
    model, logits = content["model"], content["logits"]
    return Golden(
        name=path.stem,
        recipe=GoldenRecipe(model["shape"], model["type"], len(content["tokens"]), model["seed"]),
        model_sha256=model["sha256"],
        tokens=tuple(content["tokens"]),
        n_vocab=logits["shape"][1],
        sha256=logits["sha256"],
        first=tuple(logits["first_of_last_position"]),
    )


def _model(recipe: GoldenRecipe, version: str) -> Path:
    """Return the model; ``version`` is the SHA-256 that names it, or "new" to make it again."""
    if recipe.shape == SMOLLM2:
        return packaged.smollm2()
    name = f"{recipe.name}-{recipe.seed}-{version[:16]}.gguf"
    path = cache_dir("models", "random") / name
    if version == "new" or not path.exists():
        make_model(recipe.shape, recipe.kind, path, recipe.seed)
    return path


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
